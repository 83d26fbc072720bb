//! What comes out: tables in Markdown, pictures in SVG, and everything in JSON.

mod json;
mod markdown;
mod svg;

use crate::figures::{Figures, Limit, Unit};
use crate::peer::{Kind, Peer};
use crate::rows::{BINARY, Group, Row};
use crate::sweeps::{Chart, Sweep};
use std::fs;
use std::io;
use std::path::Path;

/// Everything that was measured.
pub struct Report {
    names: Vec<String>,
    relay: usize,
    haproxy: Option<usize>,
    /// The floor, which is held against nothing but stands beside the relay.
    floor: usize,
    about: Vec<(&'static str, String)>,
    binary_bytes: u64,
    /// Whether limits are more than shown.
    judged: bool,
    rows: Vec<Line>,
    growths: Vec<Growth>,
}

/// A row and its figures.
struct Line {
    group: &'static str,
    row: &'static Row,
    figures: Figures,
}

/// A chart and its figures, of each point.
struct Growth {
    sweep: &'static Sweep,
    chart: &'static Chart,
    points: Vec<(u64, Figures)>,
}

/// A limit and what is held against it.
struct Verdict {
    /// Whose figure the proxy's is held against; nobody's where the limit is a figure itself.
    of: Option<&'static str>,
    limit: Limit,
    unit: Unit,
    value: f64,
}

impl Report {
    /// An empty one for these peers, of which the first is the proxy. Where it is not `judged`, limits are only shown.
    pub fn new(peers: &[Peer], proxy: &Path, rounds: usize, judged: bool) -> io::Result<Self> {
        let position = |wanted: fn(&Kind) -> bool| peers.iter().position(|peer| wanted(&peer.kind));
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = model.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name);
        let versions: Vec<String> = peers.iter().filter_map(Peer::version).collect();
        let about = vec![
            ("machine", format!("{cpus} CPUs ({model}), {}", std::env::consts::ARCH)),
            ("kernel", format!("Linux {}", kernel.trim())),
            ("versions", versions.join(", ")),
            ("rounds", format!("at least {rounds} a row of the proxy and the relay")),
        ];
        Ok(Self {
            names: peers.iter().map(|peer| peer.name.clone()).collect(),
            relay: position(|kind| matches!(kind, Kind::Relay)).unwrap_or_default(),
            haproxy: position(|kind| matches!(kind, Kind::Haproxy { .. })),
            floor: position(|kind| matches!(kind, Kind::Floor)).unwrap_or_default(),
            about,
            binary_bytes: fs::metadata(proxy)?.len(),
            judged,
            rows: Vec::new(),
            growths: Vec::new(),
        })
    }

    /// Adds the figures of a group, for each of its rows.
    pub fn add_group(&mut self, group: &'static Group, figures: Vec<Figures>) {
        let lines = group.rows.iter().zip(figures);
        self.rows.extend(lines.map(|(row, figures)| Line { group: group.name, row, figures }));
        if group.name == "rest" {
            let figures = Figures::of_proxy(self.binary_bytes as f64 / 1e6);
            self.rows.push(Line { group: group.name, row: &BINARY, figures });
        }
    }

    /// Adds the figures of a sweep: for each point, those of each chart.
    pub fn add_sweep(&mut self, sweep: &'static Sweep, points: Vec<(u64, Vec<Figures>)>) {
        let first = self.growths.len();
        self.growths.extend(sweep.charts.iter().map(|chart| Growth { sweep, chart, points: Vec::new() }));
        for (point, figures) in points {
            let growths = self.growths[first..].iter_mut();
            growths.zip(figures).for_each(|(growth, figures)| growth.points.push((point, figures)));
        }
    }

    /// Every limit that was not kept, in a sentence each; none where limits are only shown.
    pub fn missed(&self) -> Vec<String> {
        let rows = self.rows.iter().flat_map(|line| {
            let verdicts = self.close_verdicts(line).into_iter().chain(self.verdicts_of_others(line));
            verdicts.map(|verdict| (format!("{}: {}", line.group, line.row.what), verdict))
        });
        let growths = self.growths.iter().flat_map(|growth| {
            growth.points.iter().filter_map(|(point, figures)| {
                let verdict = self.growth_verdict(growth, *point, figures)?;
                Some((format!("{}: {}, {point}", growth.sweep.name, growth.chart.what), verdict))
            })
        });
        let missed = rows.chain(growths).filter(|(_, verdict)| self.judged && verdict.is_missed());
        missed.map(|(what, verdict)| format!("{what}: {}", verdict.show())).collect()
    }

    /// How a table marks what was not kept.
    fn mark(&self, verdict: &Verdict) -> &'static str {
        if self.judged && verdict.is_missed() { " **missed**" } else { "" }
    }

    /// What is held against the relay, against the proxy without what the row asks of it, and against a number.
    fn close_verdicts(&self, line: &Line) -> Vec<Verdict> {
        let row = line.row;
        let verdicts = [
            line.beside(self.relay, Some("the relay's"), row.relay),
            line.beside(self.names.len(), Some("that without"), row.plain),
            row.alone.and_then(|limit| Verdict::new(None, limit, row.unit, line.figures.median(0))),
        ];
        verdicts.into_iter().flatten().collect()
    }

    /// What is held against other programs.
    fn verdicts_of_others(&self, line: &Line) -> Vec<Verdict> {
        let verdict = self.haproxy.and_then(|peer| line.beside(peer, Some("HAProxy's"), line.row.haproxy));
        verdict.into_iter().collect()
    }

    /// How the proxy stands to the relay at a point, where that has a limit.
    fn growth_verdict(&self, growth: &Growth, point: u64, figures: &Figures) -> Option<Verdict> {
        let limit = growth.chart.relay;
        if point < growth.chart.limited_from {
            return None;
        }
        Verdict::new(Some("the relay's"), limit, growth.chart.unit, figures.beside(self.relay, limit))
    }

    /// Writes pictures and JSON to `docs/bench`, and the tables into `docs/performance.md`.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        let folder = root.join("docs/bench");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("relay.json"), self.json())?;
        for growth in &self.growths {
            fs::write(folder.join(growth.chart.file).with_extension("svg"), self.svg(growth))?;
        }
        let (begin, end) = ("<!-- bench -->\n", "<!-- /bench -->");
        let path = root.join("docs/performance.md");
        let page = fs::read_to_string(&path)?;
        let split = page.split_once(begin);
        let split = split.and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
        let (before, after) =
            split.ok_or_else(|| io::Error::other("docs/performance.md has no place for the tables"))?;
        fs::write(path, [before, begin, &self.markdown(), end, after].concat())
    }
}

impl Line {
    fn beside(&self, peer: usize, of: Option<&'static str>, limit: Option<Limit>) -> Option<Verdict> {
        let limit = limit?;
        Verdict::new(of, limit, self.row.unit, self.figures.beside(peer, limit))
    }
}

impl Growth {
    fn title(&self) -> String {
        format!("{}, by {}", self.chart.what, self.sweep.grows_with)
    }
}

impl Verdict {
    /// None where one of the two has no figure.
    fn new(of: Option<&'static str>, limit: Limit, unit: Unit, value: f64) -> Option<Self> {
        (!value.is_nan()).then_some(Self { of, limit, unit, value })
    }

    fn is_missed(&self) -> bool {
        !self.limit.holds(self.value)
    }

    /// What it comes to, and the limit.
    fn show(&self) -> String {
        let (value, unit, limit) = (self.value, self.unit, self.limit.show());
        match (self.of, self.limit) {
            // The column shows it already.
            (None, _) => format!("{limit} {}", unit.name()).trim_end().to_owned(),
            (Some(of), Limit::MoreBy(_)) => format!("{} more than {of} ({limit})", unit.show(value)),
            (Some(of), _) => format!("{value:.2} of {of} ({limit})"),
        }
    }
}
