//! CPU time of one thread, as the kernel counts it: a busy machine makes nothing slow.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result, Seek as _, SeekFrom};
use std::time::Duration;

/// Tells how long a thread has been on a processor.
#[derive(Debug)]
pub(crate) struct CpuClock(File);

impl CpuClock {
    /// The clock of the thread that calls; any thread may read it.
    pub(crate) fn of_this_thread() -> Result<Self> {
        let thread = std::fs::read_link("/proc/thread-self")?;
        let file = File::open(std::path::Path::new("/proc").join(thread).join("schedstat"))?;
        Ok(CpuClock(file))
    }

    /// The time so far.
    pub(crate) fn now(&mut self) -> Result<Duration> {
        let mut text = [0; 64];
        self.0.seek(SeekFrom::Start(0))?;
        let length = self.0.read(&mut text)?;
        let text = text.get(..length).unwrap_or_default();
        let nanos = text.split(|byte| *byte == b' ').next();
        let nanos = nanos.and_then(|nanos| str::from_utf8(nanos).ok()?.parse().ok());
        let unreadable = || {
            Error::new(
                ErrorKind::InvalidData,
                "schedstat does not begin with a number",
            )
        };
        nanos.map(Duration::from_nanos).ok_or_else(unreadable)
    }
}
