//! Bearer tokens.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::rest::api::Api;
use crate::rest::body::{JsonBody, json as answer};
use crate::rest::operation::Operation;
use crate::rest::place::Call;
use crate::rest::problem::Result;
use crate::service::{Principal, ServiceError, Token};

pub(super) fn add(api: Api) -> Api {
    let list = Operation::new("server", "listTokens", "List tokens, without their secrets")
        .gives::<TokenList>("The tokens.");
    let create = Operation::new("server", "createToken", "Make a token for a principal")
        .json_body::<NewToken>()
        .answer(
            201,
            "The token with its text, which nobody can tell again.",
            json!({"application/json": {"schema": {"$ref": "#/components/schemas/Token"}}}),
        )
        .schema_of::<TokenShape>();
    let revoke = Operation::new("server", "revokeToken", "Revoke a token").answer(
        204,
        "It is no longer good.",
        Value::Null,
    );
    api.add("GET /tokens", list, self::list)
        .add("POST /tokens", create, self::create)
        .add("DELETE /tokens/{id}", revoke, self::revoke)
}

/// A token.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenShape {
    /// What it is called, which is no secret.
    id: String,
    /// Who holds it.
    principal: String,
    /// When it was made, in seconds since 1970.
    created: u64,
    /// From when on it is no longer good, in seconds since 1970; absent: always good.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    /// What to show as `Authorization: Bearer`; only where it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl TokenShape {
    fn of(token: &Token, text: Option<String>) -> Self {
        Self {
            id: token.id.clone(),
            principal: token.principal.clone(),
            created: token.created,
            expires: token.expires,
            token: text,
        }
    }
}

/// Tokens.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct TokenList {
    items: Vec<TokenShape>,
}

/// A token to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// Who is to hold it.
    principal: String,
    /// From when on it is no longer good, in seconds since 1970; absent: always good.
    #[serde(default)]
    expires: Option<u64>,
}

async fn list(call: Call) -> Result<Response> {
    let tokens = call
        .run_server(|server, caller| server.list_tokens(caller))
        .await?;
    let items = tokens.iter().map(|token| TokenShape::of(token, None));
    Ok(answer(&TokenList {
        items: items.collect(),
    }))
}

async fn create(call: Call, body: JsonBody<NewToken>) -> Result<Response> {
    let NewToken { principal, expires } = body.value;
    let principal = Principal::new(&principal)?;
    let made =
        call.run_server(move |server, caller| server.create_token(caller, &principal, expires));
    let (token, text) = made.await?;
    let mut response = answer(&TokenShape::of(&token, Some(text)));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn revoke(call: Call) -> Result<Response> {
    // After "/tokens/" an address goes on as after "/repositories/".
    let id = call.place.repo.clone();
    let revoked =
        call.run_server(
            move |server, caller| match server.revoke_token(caller, &id)? {
                true => Ok(()),
                false => Err(ServiceError::not_found("there is no such token")),
            },
        );
    revoked.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
