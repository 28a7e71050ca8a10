//! WebSockets with the protocol `graphql-transport-ws`, and the older `graphql-ws`, which clients of the
//! predecessor speak.

use async_graphql::http::{WebSocket, WebSocketProtocols as Protocols, WsMessage};
use async_graphql::{Data, Error};
use axum::extract::ws::{CloseFrame, Message, WebSocket as Socket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::stream::SplitSink;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::time::{interval_at, timeout};

use super::routes::known;
use super::run::Runner;

/// What the closing of a socket says: that the client was too slow to begin, or that the server stops.
const TOO_SLOW: u16 = 4408;
const GOING_AWAY: u16 = 1001;

/// Takes a WebSocket over.
pub(super) fn upgrade(upgrade: WebSocketUpgrade, runner: Runner) -> Response {
    let limit = runner.server.limits().request_bytes;
    upgrade
        .protocols([
            Protocols::GraphQLWS.sec_websocket_protocol(),
            Protocols::SubscriptionsTransportWS.sec_websocket_protocol(),
        ])
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(move |socket| talk(socket, runner))
}

/// Talks until one side has enough. A client that does not begin, or takes nothing, for
/// [`Limits::stall_time`](crate::service::Limits::stall_time) is cut off; one that is gone is found out
/// by a ping as often.
async fn talk(socket: Socket, runner: Runner) {
    let protocol = protocol(&socket);
    let (mut sink, stream) = socket.split();
    let texts = stream
        .take_while(|message| {
            let is_open = matches!(message, Ok(message) if !matches!(message, Message::Close(_)));
            std::future::ready(is_open)
        })
        .filter_map(|message| std::future::ready(message.ok().and_then(text)));
    let server = runner.server.clone();
    let stall = server.limits().stall_time;
    let of = runner.clone();
    let answers = WebSocket::new(runner, texts, protocol)
        .on_connection_init(move |payload| std::future::ready(begin(&of, &payload)));
    let mut answers = std::pin::pin!(answers);
    let Ok(mut next) = timeout(stall, answers.next()).await else {
        close(&mut sink, TOO_SLOW, "connection_init was expected").await;
        return;
    };
    let mut pings = interval_at(tokio::time::Instant::now() + stall, stall);
    while let Some(answer) = next {
        let sent = match answer {
            WsMessage::Text(text) => sink.send(Message::Text(text.into())),
            WsMessage::Close(code, reason) => {
                let (code, reason) = closing(code, &reason);
                close(&mut sink, code, reason).await;
                return;
            }
        };
        if !matches!(timeout(stall, sent).await, Ok(Ok(()))) {
            return;
        }
        next = loop {
            tokio::select! {
                next = answers.next() => break next,
                () = server.stopping() => {
                    close(&mut sink, GOING_AWAY, "the server stops").await;
                    return;
                }
                _ = pings.tick() => {
                    let ping = sink.send(Message::Ping(axum::body::Bytes::new()));
                    if !matches!(timeout(stall, ping).await, Ok(Ok(()))) {
                        return;
                    }
                }
            }
        };
    }
    close(&mut sink, 1000, "").await;
}

/// Returns what was agreed on; the newer one where nothing was.
fn protocol(socket: &Socket) -> Protocols {
    let agreed = socket.protocol().and_then(|name| name.to_str().ok());
    agreed
        .and_then(|name| name.parse().ok())
        .unwrap_or(Protocols::GraphQLWS)
}

fn text(message: Message) -> Option<axum::body::Bytes> {
    match message {
        Message::Text(text) => Some(text.into()),
        Message::Binary(bytes) => Some(bytes),
        _ => None,
    }
}

/// Browsers cannot show a token when they open a WebSocket: the first message may.
fn begin(runner: &Runner, payload: &Value) -> Result<Data, Error> {
    let mut data = Data::default();
    let shown = ["authorization", "Authorization"];
    let shown = shown.iter().find_map(|key| payload.get(key)?.as_str());
    if let Some(shown) = shown {
        let bearer = shown.split_once(' ').and_then(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let bearer = bearer.ok_or("'authorization' has to be 'Bearer <token>'")?;
        data.insert(known(&runner.server, &runner.caller, bearer)?);
    }
    Ok(data)
}

/// The codes that the protocol asks for, for those that the library gives.
const fn closing(code: u16, reason: &str) -> (u16, &str) {
    match code {
        1002 => (4400, reason),
        1011 => (4401, "Unauthorized"),
        code => (code, reason),
    }
}

async fn close(sink: &mut SplitSink<Socket, Message>, code: u16, reason: &str) {
    // A frame has at most 125 bytes, with the code.
    let end = reason.floor_char_boundary(120);
    let reason = reason.get(..end).unwrap_or_default();
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    // Who is gone already needs no farewell.
    let farewell = sink.send(Message::Close(Some(frame)));
    let _ = timeout(std::time::Duration::from_secs(1), farewell).await;
}
