//! The way from `/probe` to the collector of devices: who is watched, by name and by address, and the ping thread.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use smol_str::SmolStr;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::{
    clock::Clock,
    collectors,
    config::Config,
    web::{self, LookingUp, Pinged, Pinging, Pong},
};

/// Pings for whoever asks the server.
pub(super) struct Prober {
    set: Arc<collectors::Set>,
    config: watch::Receiver<Arc<Config>>,
    clock: Clock,
    known: ArcSwapOption<Known>,
}

/// The devices of one configuration, to be found at once among many.
struct Known {
    config: Arc<Config>,
    /// Addresses as configured, by name.
    names: HashMap<SmolStr, SmolStr>,
    /// Host names among the addresses, by how they are compared.
    hosts: HashMap<SmolStr, SmolStr>,
    ips: HashSet<IpAddr>,
}

impl Prober {
    pub(super) fn new(set: Arc<collectors::Set>, config: watch::Receiver<Arc<Config>>, clock: Clock) -> Self {
        Self {
            set,
            config,
            clock,
            known: ArcSwapOption::empty(),
        }
    }

    /// The devices of the configuration in force.
    fn known(&self) -> Arc<Known> {
        let config = Arc::clone(&self.config.borrow());
        let known = self.known.load_full();
        if let Some(known) = known.filter(|known| Arc::ptr_eq(&known.config, &config)) {
            return known;
        }
        let known = Arc::new(Known::of(config));
        self.known.store(Some(Arc::clone(&known)));
        known
    }

    /// The default gateway, while it is watched for want of devices: its name and its address.
    fn gateway(&self, known: &Known) -> Option<(SmolStr, IpAddr)> {
        if !known.config.collectors.devices.watches_gateway() {
            return None;
        }
        let devices = self.set.devices.overview(self.clock.now());
        devices
            .into_iter()
            .find_map(|device| Some((device.name, device.ip?)))
    }
}

impl Known {
    fn of(config: Arc<Config>) -> Self {
        let (mut names, mut hosts, mut ips) = (HashMap::new(), HashMap::new(), HashSet::new());
        for target in config.collectors.devices.devices() {
            names.insert(target.display_name().into(), target.address.as_str().into());
            match target.address.parse::<IpAddr>() {
                Ok(ip) => {
                    ips.insert(ip.to_canonical());
                }
                Err(_) => {
                    hosts.insert(host(&target.address), target.address.as_str().into());
                }
            }
        }
        Self {
            config,
            names,
            hosts,
            ips,
        }
    }

    fn device(&self, target: &str) -> Option<SmolStr> {
        let by_name = self.names.get(target).cloned();
        let ip = || target.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
        let by_ip = || {
            ip().filter(|ip| self.ips.contains(ip))
                .map(|ip| smol_str::format_smolstr!("{ip}"))
        };
        by_name
            .or_else(by_ip)
            .or_else(|| self.hosts.get(&host(target)).cloned())
    }
}

/// A host name as it is compared.
fn host(name: &str) -> SmolStr {
    name.trim_end_matches('.').to_ascii_lowercase().into()
}

impl web::Prober for Prober {
    fn device(&self, target: &str) -> Option<SmolStr> {
        let known = self.known();
        let gateway = || {
            let (name, ip) = self.gateway(&known)?;
            let is_meant = target == name || target.parse() == Ok(ip);
            is_meant.then(|| smol_str::format_smolstr!("{ip}"))
        };
        known.device(target).or_else(gateway)
    }

    fn is_device(&self, ip: IpAddr) -> bool {
        let known = self.known();
        known.ips.contains(&ip) || self.gateway(&known).is_some_and(|(_, gateway)| gateway == ip)
    }

    fn look_up<'a>(&'a self, name: &'a str) -> LookingUp<'a> {
        Box::pin(self.set.devices.look_up(name))
    }

    fn ping(&self, to: SocketAddr, timeout: Duration, place: OwnedSemaphorePermit) -> Pinging<'_> {
        Box::pin(async move {
            let probed = self.set.devices.probe(to, timeout, place).await?;
            Some(Pinged {
                setup: probed.setup,
                answer: probed.answer.map(|echo| Pong {
                    round_trip: echo.round_trip,
                    hop_limit: echo.hop_limit,
                }),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        collectors::{Context, devices::Target},
        web::Prober as _,
    };

    fn config(devices: &[(&str, &str)]) -> Arc<Config> {
        let mut config = Config::default();
        let target = |(name, address): &(&str, &str)| Target {
            name: (*name).to_owned(),
            ..Target::new(*address)
        };
        config.collectors.devices.targets = devices.iter().map(target).collect();
        Arc::new(config)
    }

    #[test]
    fn devices_are_known_by_name_and_address_of_the_configuration_in_force() {
        let first = config(&[("nas", "NAS.lan."), ("", "192.0.2.1"), ("v6", "2001:db8:0::1")]);
        let set = Arc::new(collectors::Set::new(&first.collectors, &Context::default()));
        let (in_force, config_in_force) = watch::channel(Arc::clone(&first));
        let prober = Prober::new(set, config_in_force, Clock::System);
        let rows = [
            ("nas", Some("NAS.lan.")),
            ("nas.lan", Some("NAS.lan.")),
            ("Nas.Lan.", Some("NAS.lan.")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("v6", Some("2001:db8:0::1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("NAS", None),
            ("192.0.2.2", None),
            ("gateway", None),
            ("", None),
        ];
        for (target, expected) in rows {
            assert_eq!(prober.device(target).as_deref(), expected, "{target}");
        }
        assert!(prober.is_device(IpAddr::from([192, 0, 2, 1])));
        assert!(!prober.is_device(IpAddr::from([192, 0, 2, 2])));
        in_force.send_replace(config(&[("", "192.0.2.2")]));
        assert_eq!(prober.device("nas"), None, "gone");
        assert!(prober.is_device(IpAddr::from([192, 0, 2, 2])), "new");
    }
}
