//! A task for each connection.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{Drain, Drained, Listener};
use crate::flow::BoxFlow;

impl Listener {
    /// Serves every connection with `handler`, as a task of its own, until `shutdown` is ready. Then it stops listening,
    /// tells the handlers ([`Drain`]), waits until they have ended or `deadline` has passed, and cuts off the rest.
    ///
    /// A handler that panics ends its own connection only.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use std::time::Duration;
    /// # use conduit::{BoxFlow, Context, Drain, ListenOptions, Listener, Pipes};
    /// async fn echo(flow: BoxFlow, _: Drain) {
    ///     let (mut read, mut write) = tokio::io::split(flow);
    ///     let _ = tokio::io::copy(&mut read, &mut write).await;
    /// }
    /// # let context = Context::builder().pipes(Pipes::new()).build();
    /// let listener = Listener::bind(&context, &"pipe:echo".parse()?, ListenOptions::default()).await?;
    /// let shutdown = async {}; // at once
    /// let drained = listener.serve(echo, shutdown, Duration::from_secs(5)).await;
    /// assert_eq!(drained.cut, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn serve<H, F>(
        mut self,
        handler: H,
        shutdown: impl Future<Output = ()>,
        deadline: Duration,
    ) -> Drained
    where
        H: Fn(BoxFlow, Drain) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let handle = self.handle();
        let mut tasks = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                flow = self.accept() => match flow {
                    Some(flow) => drop(tasks.spawn(handler(flow, handle.draining()))),
                    None => break,
                },
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            }
        }
        // What had shaken hands by then was promised to be served.
        handle.close();
        while let Some(flow) = self.accept().await {
            tasks.spawn(handler(flow, handle.draining()));
        }
        let drained = handle.drain(deadline).await;
        tasks.shutdown().await;
        drained
    }
}
