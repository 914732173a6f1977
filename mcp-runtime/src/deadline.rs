//! Deadlines that cost nothing where nobody waits.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

/// What a future comes to within a time. Nearly all of ours are ready when they are asked first, and then there is no
/// timer. The time runs from before that.
pub(crate) async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let deadline = Instant::now() + time;
    let mut future = pin!(future);
    match poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
        Poll::Ready(output) => Some(output),
        Poll::Pending => tokio::time::timeout_at(deadline, future).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_future_has_its_time_and_no_more() {
        const TIME: Duration = Duration::from_secs(1);
        assert_eq!(within(TIME, std::future::ready(1)).await, Some(1));
        assert_eq!(within(TIME, tokio::time::sleep(TIME / 2)).await, Some(()));
        assert_eq!(within(TIME, std::future::pending::<()>()).await, None);
        assert_eq!(within(TIME, tokio::time::sleep(TIME * 2)).await, None);
    }

    #[tokio::test]
    async fn what_blocks_at_first_has_no_more_time() {
        const TIME: Duration = Duration::from_millis(100);
        let blocks = async {
            std::thread::sleep(TIME * 3 / 2);
            tokio::task::yield_now().await;
            std::future::pending::<()>().await;
        };
        let began = std::time::Instant::now();
        assert_eq!(within(TIME, blocks).await, None);
        assert!(began.elapsed() < TIME * 5 / 2, "{:?}", began.elapsed());
    }
}
