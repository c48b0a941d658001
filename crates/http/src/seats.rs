//! Who has a connection, and who must leave when somebody new comes and every seat is taken.
//!
//! A client that says nothing must cost the others nothing: when the house is full, the connections go first that have never sent a whole
//! header, the oldest before the others, then those that lie idle, then those whose bodies trickle in. Whoever is being worked for stays.
//! One peer cannot take every seat. When answers pile up that nobody reads, those leave whose clients have read nothing for longest.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::activity::{Activity, Standing, Unread};
use crate::limits::Limits;

/// Connections that are asked to leave at once, so that a flood does not make every newcomer look at all of them. Ours.
const LEAVE_AT_ONCE: usize = 32;
/// How long a newcomer waits before it looks again who may leave. Ours.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a peer that has all its seats waits for one of them. Ours: the others wait behind it.
const PEER_WAIT: Duration = Duration::from_millis(200);
/// At most one line about this in the log in this time. Ours.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The seats of a listener.
#[derive(Debug)]
pub(crate) struct Seats {
    all: Mutex<All>,
    free: Notify,
    max: usize,
    per_peer_max: usize,
    unread: Arc<Unread>,
}

#[derive(Debug, Default)]
struct All {
    taken: HashMap<u64, Taken>,
    peers: HashMap<IpAddr, usize>,
    next: u64,
    left: u64,
    told: Option<Instant>,
}

#[derive(Debug)]
struct Taken {
    peer: IpAddr,
    activity: Activity,
    leave: Arc<Notify>,
    asked: bool,
    /// Whether it has to leave even when it is worked for.
    thrown_out: bool,
}

/// A seat; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    /// What runs on the connection.
    pub(crate) activity: Activity,
    leave: Arc<Notify>,
}

/// A peer has all the seats that it may have, and all of them are at work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PeerFull;

impl Seats {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            all: Mutex::default(),
            free: Notify::new(),
            max: limits.connections_max,
            per_peer_max: limits.connections_per_peer_max,
            unread: Unread::new(limits.answers_bytes_max),
        })
    }

    /// Sees to it, for ever, that answers which nobody reads do not take all memory.
    pub(crate) async fn shed(&self) {
        loop {
            self.unread.full.notified().await;
            while self.unread.is_full() {
                let freed = self.free.notified();
                if !self.lock().throw_out() {
                    break;
                }
                let _ = timeout(LOOK_AGAIN, freed).await;
            }
        }
    }

    /// A seat for `peer`, as soon as there is one: somebody who does nothing has to leave for it. While everybody is at work it waits.
    pub(crate) async fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Seat, PeerFull> {
        let (peer, came) = (of_network(peer), Instant::now());
        loop {
            let freed = self.free.notified();
            match self.try_take(peer) {
                Ok(seat) => return Ok(seat),
                Err(Full::Peer { asked }) if !asked || came.elapsed() > PEER_WAIT => return Err(PeerFull),
                Err(Full::Peer { .. } | Full::House) => {}
            }
            // Whoever was asked may have begun to work instead.
            let _ = timeout(LOOK_AGAIN, freed).await;
        }
    }

    fn try_take(self: &Arc<Self>, peer: IpAddr) -> Result<Seat, Full> {
        let mut all = self.lock();
        if all.peers.get(&peer).is_some_and(|count| *count >= self.per_peer_max) {
            let asked = all.ask_to_leave(|taken| taken.peer == peer);
            return Err(Full::Peer { asked });
        }
        if all.taken.len() >= self.max {
            all.ask_to_leave(|_| true);
            return Err(Full::House);
        }
        let (number, activity, leave) = (all.next, Activity::new(&self.unread), Arc::new(Notify::new()));
        all.next += 1;
        *all.peers.entry(peer).or_default() += 1;
        let taken = Taken {
            peer,
            activity: activity.clone(),
            leave: Arc::clone(&leave),
            asked: false,
            thrown_out: false,
        };
        all.taken.insert(number, taken);
        Ok(Seat {
            seats: Arc::clone(self),
            number,
            activity,
            leave,
        })
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

enum Full {
    /// `asked`: whether somebody was asked to leave.
    Peer {
        asked: bool,
    },
    House,
}

impl All {
    /// Ends the connection whose client has read nothing for longest; whether there is one.
    fn throw_out(&mut self) -> bool {
        let unread = self.taken.values_mut().filter(|taken| !taken.thrown_out);
        let Some((_, taken)) = unread
            .filter_map(|taken| Some((taken.activity.unread_since()?, taken)))
            .min_by_key(|(since, _)| *since)
        else {
            return false;
        };
        taken.thrown_out = true;
        taken.leave.notify_one();
        tracing::warn!(peer = %taken.peer, "too many answers wait to be read; a connection that reads none of its own is closed");
        true
    }

    /// Asks some of those to leave whom it costs least; whether any of them is on the way out.
    fn ask_to_leave(&mut self, among: impl Fn(&Taken) -> bool) -> bool {
        let mut idle: Vec<(Standing, Instant, u64)> = Vec::new();
        let mut leaving = false;
        for (number, taken) in self.taken.iter().filter(|(_, taken)| among(taken)) {
            leaving |= taken.asked;
            let (standing, since) = taken.activity.standing();
            if !taken.asked && standing != Standing::Working {
                idle.push((standing, since, *number));
            }
        }
        if leaving {
            return true;
        }
        // A few at a time, but never all of a small house.
        let count = LEAVE_AT_ONCE.min(self.taken.len() / 8).max(1).min(idle.len());
        if count == 0 {
            return false;
        }
        idle.select_nth_unstable(count - 1);
        for (_, _, number) in &idle[..count] {
            if let Some(taken) = self.taken.get_mut(number) {
                taken.asked = true;
                taken.leave.notify_one();
            }
        }
        self.left += count as u64;
        if self.told.is_none_or(|told| told.elapsed() > TELL_EVERY) {
            self.told = Some(Instant::now());
            tracing::warn!(
                connections = self.taken.len(),
                closed_so_far = self.left,
                "every connection is taken; silent and idle ones are closed for new ones"
            );
        }
        true
    }
}

impl Seat {
    /// Resolves when the connection should be given up for somebody else's. One that works again by now stays.
    pub(crate) async fn asked_to_leave(&self) {
        loop {
            self.leave.notified().await;
            if self.activity.standing().0 != Standing::Working {
                return;
            }
            match self.seats.lock().taken.get_mut(&self.number) {
                Some(taken) if !taken.thrown_out => taken.asked = false,
                _ => return,
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut all = self.seats.lock();
        if let Some(taken) = all.taken.remove(&self.number)
            && let Some(count) = all.peers.get_mut(&taken.peer)
        {
            *count -= 1;
            if *count == 0 {
                all.peers.remove(&taken.peer);
            }
        }
        drop(all);
        self.seats.free.notify_waiters();
    }
}

/// The peer that a limit counts for: one address, or in IPv6 the network of 64 bits that one customer has.
fn of_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// The order in which connections have to leave.
    #[tokio::test]
    async fn who_costs_least_leaves_first() {
        let seats = Seats::new(&Limits {
            connections_max: 4,
            connections_per_peer_max: 4,
            ..Limits::default()
        });
        let mut rooms = Vec::new();
        for _ in 0..4 {
            rooms.push(Some(seats.take(PEER).await.unwrap()));
        }
        let mut working = rooms[0].as_ref().unwrap().activity.busy();
        working.work();
        let _receiving = rooms[1].as_ref().unwrap().activity.busy();
        drop(rooms[2].as_ref().unwrap().activity.busy()); // idle
        for leaves in [3, 2, 1] {
            let seats_too = Arc::clone(&seats);
            let newcomer = tokio::spawn(async move { seats_too.take(PEER).await });
            rooms[leaves].as_ref().unwrap().asked_to_leave().await;
            rooms[leaves] = None;
            let newcomer = newcomer.await.unwrap().unwrap();
            let mut busy = newcomer.activity.busy();
            busy.work();
            std::mem::forget(busy);
            rooms.push(Some(newcomer));
        }
        assert_eq!(seats.take(PEER).await.unwrap_err(), PeerFull, "everybody works");
        drop(working);
        drop(rooms.swap_remove(0));
        assert!(seats.take(PEER).await.is_ok());
    }

    #[test]
    fn peers_are_networks_in_ipv6() {
        for (left, right, same) in [
            ("10.0.0.1", "10.0.0.2", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ] {
            let (left, right): (IpAddr, IpAddr) = (left.parse().unwrap(), right.parse().unwrap());
            assert_eq!(of_network(left) == of_network(right), same, "{left} {right}");
        }
    }
}
