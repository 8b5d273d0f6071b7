//! Limits what one client can hold: how many connections there are, and how long one may take no answer.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum_server::accept::Accept;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

/// A client that takes nothing of its answer for this long is cut off.
const STALL: Duration = Duration::from_secs(30);

/// Accepts connections while there is room; what comes beyond is closed at once.
#[derive(Debug, Clone)]
pub(super) struct Limited {
    room: Arc<Semaphore>,
}

impl Limited {
    pub(super) fn new(connections: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(connections)),
        }
    }
}

impl<S> Accept<TcpStream, S> for Limited {
    type Stream = Connection<TcpStream>;
    type Service = S;
    type Future = std::future::Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let room = Arc::clone(&self.room).try_acquire_owned();
        let accepted = room
            .map_err(|_| io::Error::other("too many connections"))
            .and_then(|room| {
                stream.set_nodelay(true)?;
                Ok((Connection::new(stream, room), service))
            });
        std::future::ready(accepted)
    }
}

/// A connection that gives its room back when it ends.
#[derive(Debug)]
pub(super) struct Connection<T> {
    stream: T,
    stalled: Option<Pin<Box<Sleep>>>,
    _room: OwnedSemaphorePermit,
}

impl<T> Connection<T> {
    fn new(stream: T, room: OwnedSemaphorePermit) -> Self {
        Self {
            stream,
            stalled: None,
            _room: room,
        }
    }

    /// Fails a write that has been waiting for too long.
    fn bounded<R>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        stalled
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.bounded(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.bounded(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bounded(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener, time::Instant};

    use super::*;

    async fn connection<T>(stream: T) -> Connection<T> {
        let room = Arc::new(Semaphore::new(1))
            .acquire_owned()
            .await
            .expect("is open");
        Connection::new(stream, room)
    }

    #[tokio::test]
    async fn room_is_limited_and_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        let limited = Limited::new(1);
        let accept = async || {
            limited
                .accept(TcpStream::connect(address).await.expect("connects"), ())
                .await
        };
        let first = accept().await;
        assert!(first.is_ok());
        assert!(accept().await.is_err());
        drop(first);
        assert!(accept().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut_off() {
        let (ours, _theirs) = tokio::io::duplex(8);
        let mut connection = connection(ours).await;
        let began = Instant::now();
        let error = connection
            .write_all(b"more than eight bytes")
            .await
            .expect_err("is cut off");
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, STALL));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_that_goes_on_is_served() {
        let (ours, mut theirs) = tokio::io::duplex(1);
        let mut connection = connection(ours).await;
        let taking = async {
            let mut taken = Vec::new();
            while taken.len() < 5 {
                sleep(Duration::from_secs(20)).await;
                let mut byte = [0];
                tokio::io::AsyncReadExt::read_exact(&mut theirs, &mut byte)
                    .await
                    .expect("there is more");
                taken.extend(byte);
            }
            taken
        };
        let (written, taken) = tokio::join!(connection.write_all(b"hello"), taking);
        assert!(written.is_ok());
        assert_eq!(taken, b"hello");
    }
}
