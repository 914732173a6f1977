//! A disk that is full, or broken.

use std::io;
use std::sync::Mutex;

use super::*;
use crate::telemetry::audit::disk::{Disk, System};
use crate::telemetry::queue::Queued;

/// A disk with so much room, that fails at what a test says.
#[derive(Debug)]
struct Faulty(Mutex<Faults>);

#[derive(Debug)]
struct Faults {
    room: usize,
    open: bool,
    sync: bool,
    rename: bool,
    /// What it was asked for besides writing.
    asked: Vec<&'static str>,
}

impl Faulty {
    fn new() -> Arc<Self> {
        let faults = Faults { room: usize::MAX, open: false, sync: false, rename: false, asked: Vec::new() };
        Arc::new(Self(Mutex::new(faults)))
    }

    fn set(&self, set: impl FnOnce(&mut Faults)) {
        set(&mut self.0.lock().unwrap());
    }

    fn asked(&self, what: &'static str, fails: impl FnOnce(&Faults) -> bool) -> io::Result<()> {
        let mut faults = self.0.lock().unwrap();
        faults.asked.push(what);
        if fails(&faults) { Err(io::Error::other("it is broken")) } else { Ok(()) }
    }

    fn all_asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }
}

impl Disk for Faulty {
    fn open(&self, path: &Path) -> io::Result<fs::File> {
        self.asked("open", |faults| faults.open)?;
        System.open(path)
    }

    fn write(&self, file: &mut fs::File, bytes: &[u8]) -> io::Result<usize> {
        let mut faults = self.0.lock().unwrap();
        if faults.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let count = bytes.len().min(faults.room);
        let written = System.write(file, &bytes[..count])?;
        faults.room -= written;
        Ok(written)
    }

    fn sync(&self, file: &fs::File) -> io::Result<()> {
        self.asked("sync", |faults| faults.sync)?;
        System.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.asked("rename", |faults| faults.rename)?;
        System.rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.asked("sync folder", |faults| faults.sync)?;
        System.sync_folder(folder)
    }
}

impl Log {
    fn on(&self, disk: &Arc<Faulty>) -> Audit {
        Audit::open_on(&(Arc::clone(disk) as Arc<dyn Disk>), &self.path(), &self.options, &KEY).unwrap()
    }
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn records_that_are_not_on_disk_are_not_said_to_be() {
    let log = Log::new();
    let disk = Faulty::new();
    let queue = Queued::start(Box::new(log.on(&disk)), 100, None).unwrap();
    queue.push(&Arc::new(sample("OK")));
    assert!(queue.flush(SOON));
    // Half of a line fits.
    disk.set(|faults| faults.room = 100);
    queue.push(&Arc::new(sample("OK")));
    assert!(!queue.flush(SOON), "the disk is full");
    let counts = queue.counts();
    assert_eq!((counts.written, counts.lost), (1, 0), "one is held back");
    assert!(counts.failed_flushes > 0);
    disk.set(|faults| faults.room = usize::MAX);
    assert!(queue.flush(SOON));
    assert_eq!(queue.counts().written, 2);
    drop(queue);
    assert_eq!(log.verify().unwrap().calls, 2, "and nothing is missing");
}

#[test]
fn what_is_lost_at_the_end_is_counted() {
    let log = Log::new();
    let disk = Faulty::new();
    let queue = Queued::start(Box::new(log.on(&disk)), 100, None).unwrap();
    disk.set(|faults| faults.room = 0);
    for _ in 0..3 {
        queue.push(&Arc::new(sample("OK")));
    }
    queue.end(SOON);
    let counts = queue.counts();
    assert_eq!((counts.written, counts.lost), (0, 3));
    assert_eq!(log.verify().unwrap().calls, 0);
}

#[test]
fn a_disk_that_cannot_sync_is_no_disk_that_was_flushed() {
    let log = Log { options: config::Audit { fsync: Fsync::Always, ..config::Audit::default() }, ..Log::new() };
    let disk = Faulty::new();
    let mut audit = log.on(&disk);
    audit.write(&sample("OK")).unwrap();
    audit.flush().unwrap();
    disk.set(|faults| faults.sync = true);
    audit.write(&sample("OK")).unwrap();
    assert!(audit.flush().is_err());
    assert!(audit.flush().is_err(), "nothing is left to write, and the disk still has not got it");
    disk.set(|faults| faults.sync = false);
    audit.write(&sample("OK")).unwrap();
    audit.flush().unwrap();
    drop(audit);
    assert_eq!(log.verify().unwrap().calls, 3);
}

#[test]
fn what_was_dropped_while_the_disk_failed_is_told_once() {
    let log = Log::new();
    let disk = Faulty::new();
    let mut audit = log.on(&disk);
    disk.set(|faults| faults.room = 0);
    // More than is written at once, so that each line is an attempt.
    while audit.buffer.len() < WRITE {
        audit.write(&sample("OK")).unwrap();
    }
    let mut dropped = Dropped::default();
    dropped.add(&sample("OK"));
    audit.dropped(&dropped).expect("the line is kept");
    disk.set(|faults| faults.room = usize::MAX);
    audit.flush().unwrap();
    drop(audit);
    let told = log.lines().iter().filter(|line| kind(line) == "dropped").count();
    assert_eq!(told, 1);
    log.verify().unwrap();
}

#[test]
fn more_than_is_kept_is_lost_with_an_error() {
    let log = Log::new();
    let disk = Faulty::new();
    let mut audit = log.on(&disk);
    disk.set(|faults| faults.room = 0);
    while audit.buffer.len() < KEEP {
        audit.write(&sample("OK")).unwrap();
    }
    assert!(audit.write(&sample("OK")).is_err());
    assert!(audit.dropped(&Dropped::default()).is_err());
    disk.set(|faults| faults.room = usize::MAX);
    drop(audit);
    log.verify().unwrap();
}

#[test]
fn a_rotation_that_fails_halfway_goes_on_where_it_stopped() {
    let options = config::Audit { rotate: 4096, ..config::Audit::default() };
    let faults: [fn(&mut Faults); 3] = [
        |faults| faults.rename = true,
        |faults| faults.open = true,
        |faults| {
            // The head of the new file does not fit whole.
            faults.room = 3000;
        },
    ];
    for fault in faults {
        let log = Log { options: options.clone(), ..Log::new() };
        let disk = Faulty::new();
        let mut audit = log.on(&disk);
        audit.write(&sample("OK")).unwrap();
        audit.flush().unwrap();
        disk.set(fault);
        let failures = (0..20).filter(|_| audit.write(&sample("OK")).is_err() || audit.flush().is_err()).count();
        assert!(failures > 0);
        disk.set(|faults| {
            *faults = Faults { room: usize::MAX, open: false, rename: false, sync: false, asked: Vec::new() }
        });
        audit.write(&sample("OK")).unwrap();
        audit.flush().unwrap();
        drop(audit);
        assert_eq!(log.verify().unwrap().calls, 22);
        assert!(log.files() > 1);
        log.run(1);
        assert_eq!(log.verify().unwrap().calls, 23);
    }
}

#[test]
fn the_disk_is_made_sure_of_what_was_written_and_where() {
    let options = config::Audit { rotate: 4096, fsync: Fsync::Always, ..config::Audit::default() };
    let log = Log { options, ..Log::new() };
    let disk = Faulty::new();
    let mut audit = log.on(&disk);
    assert_eq!(disk.all_asked(), ["open", "sync", "sync folder"], "a new file has a name that the disk knows");
    while names::set_aside(&log.path()).unwrap().is_empty() {
        disk.all_asked();
        audit.write(&sample("OK")).unwrap();
        audit.flush().unwrap();
    }
    let asked = disk.all_asked();
    let renamed = asked.iter().position(|asked| *asked == "rename").unwrap();
    assert_eq!(asked[renamed - 1], "sync", "the seal before the name");
    assert_eq!(asked[renamed..], ["rename", "open", "sync", "sync folder"], "and the head with both names behind it");

    // A file that somebody moved is never written again, so that its end is made sure of at once.
    audit.options.fsync = Fsync::Interval;
    fs::rename(log.path(), log.folder.path().join("moved.jsonl")).unwrap();
    disk.all_asked();
    audit.write(&sample("OK")).unwrap();
    audit.flush().unwrap();
    assert_eq!(disk.all_asked()[..2], ["open", "sync"]);
    assert!(audit.unsynced && audit.moved, "the head of the new one waits for the interval");
    audit.sync().unwrap();
    assert_eq!(disk.all_asked(), ["sync", "sync folder"]);
}
