//! How many connections are open: in all, and of one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::address;
use crate::config;

/// The open connections, in all and by address.
#[derive(Debug)]
pub(super) struct Connections {
    limit: usize,
    limit_per_address: usize,
    open: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

impl Connections {
    pub(super) fn new(config: &config::Http) -> Self {
        Self { limit: config.connections, limit_per_address: config.connections_per_address, open: Mutex::default() }
    }

    /// A place for a connection from an address; a proxy's own address counts for nobody's.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> Option<Place> {
        let address = address::counted(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, by_address) = &mut *open;
        let crowded = by_address.get(&address).is_some_and(|count| *count >= self.limit_per_address);
        if *total >= self.limit || (crowded && !is_proxy) {
            return None;
        }
        *total += 1;
        *by_address.entry(address).or_default() += 1;
        Some(Place { connections: Arc::clone(self), address })
    }
}

/// A place among the open connections, given back on drop.
pub(super) struct Place {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, by_address) = &mut *open;
        *total = total.saturating_sub(1);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_bounded_in_all_and_by_address() {
        let config = config::Http { connections: 3, connections_per_address: 2, ..config::Http::default() };
        let connections = Arc::new(Connections::new(&config));
        let [a, b]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let first = connections.take(a, false).unwrap();
        let _second = connections.take(a, false).unwrap();
        assert!(connections.take(a, false).is_none());
        let _third = connections.take(b, false).unwrap();
        assert!(connections.take(b, false).is_none(), "the total is reached");
        drop(first);
        assert!(connections.take(b, false).is_some());
        assert_eq!(connections.open.lock().unwrap().1.len(), 2);

        let config = config::Http { connections_per_address: 1, ..config::Http::default() };
        let connections = Arc::new(Connections::new(&config));
        let _first = connections.take(a, true).unwrap();
        assert!(connections.take(a, true).is_some(), "all clients share a proxy's address");
    }
}
