//! Blocking on what is async: a small runtime, and a thread that waits for it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{ClientError, Result};

/// A runtime with one thread for sockets and clocks. Cheap to clone; it ends with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Waiter(Arc<Owned>);

#[derive(Debug)]
struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        // The last clone may go away inside another runtime, where waiting is not allowed.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Waiter {
    pub(crate) fn new() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("irmin-client")
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| {
            ClientError::setting(format!("cannot start a thread for the network: {error}"))
        })?;
        Ok(Self(Arc::new(Owned(Some(runtime)))))
    }

    /// Returns the runtime; there is one until the last clone is dropped.
    pub(crate) fn handle(&self) -> Option<&Handle> {
        self.0.0.as_ref().map(Runtime::handle)
    }

    /// Runs a future on this thread. Unlike a runtime's own way of blocking, this may also be called
    /// on a thread of another runtime, which it holds up.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        let _inside = self.handle().map(Handle::enter);
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_timer_wakes_the_thread_that_waits() {
        let waiter = Waiter::new().unwrap();
        let late = waiter.wait(async {
            let never = std::future::pending::<()>();
            tokio::time::timeout(Duration::from_millis(1), never).await
        });
        assert!(late.is_err());
    }

    #[test]
    fn it_may_be_used_and_dropped_inside_another_runtime() {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let waiter = Waiter::new().unwrap();
            assert_eq!(waiter.wait(async { 7 }), 7);
        });
    }
}
