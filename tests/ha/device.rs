//! Something that a host watches: it takes connections, until it dies.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// A device on a port of loopback; it refuses connections once the value is dropped.
pub(crate) struct Device {
    address: SocketAddr,
    dying: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Device {
    /// One that answers.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let dying = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&dying);
        // Without somebody who takes them, connections fill the queue of the kernel, and the device is silent.
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                drop(connection);
                if ends.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        Self {
            address,
            dying,
            thread: Some(thread),
        }
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.dying.store(true, Ordering::SeqCst);
        // Wakes the thread, which then closes the port.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
