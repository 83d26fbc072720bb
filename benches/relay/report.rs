//! What comes out: a table in Markdown, pictures in SVG, and everything in JSON.

use crate::peer::{Kind, Peer};
use crate::rows::{Group, Limit, Row, Sweep, Unit};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// Everything that was measured.
pub struct Report {
    names: Vec<String>,
    relay: usize,
    haproxy: Option<usize>,
    about: Vec<(&'static str, String)>,
    binary_bytes: u64,
    /// Whether limits are more than shown.
    judged: bool,
    rows: Vec<(&'static str, &'static Row, Vec<Vec<f64>>)>,
    charts: Vec<Chart>,
}

struct Chart {
    file: &'static str,
    title: String,
    grows_with: &'static str,
    unit: Unit,
    points: &'static [u64],
    /// For each peer and point, the figures of the rounds.
    measured: Vec<Vec<Vec<f64>>>,
}

/// One for each peer.
const COLOURS: [&str; 6] = ["#0b7285", "#868e96", "#e8590c", "#5f3dc4", "#2b8a3e", "#a61e4d"];

/// The size that the program may have.
const BINARY: Row = Row {
    what: "binary, and image but for a few hundred bytes",
    unit: Unit::Megabytes,
    relay: None,
    haproxy: None,
    alone: Some(Limit::AtMost(1.6)),
};

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::MillisecondsPerGib => "ms/GiB",
            Self::PerSecond => "/s",
            Self::Kib => "KiB",
            Self::Megabytes => "MB",
            Self::Part => "",
        }
    }

    fn show(self, value: f64) -> String {
        if value.is_nan() {
            return String::from("no figure");
        }
        let number = match self {
            Self::PerSecond => thousands(value),
            Self::MillisecondsPerGib => format!("{value:.0}"),
            Self::Kib if value >= 1000.0 => thousands(value),
            Self::Part => format!("{value:.2}"),
            _ => format!("{value:.1}"),
        };
        format!("{number} {}", self.name()).replace(" /", "/").trim_end().to_owned()
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

impl Limit {
    fn show(self) -> String {
        match self {
            Self::AtMost(limit) => format!("≤ {limit}"),
            Self::AtLeast(limit) => format!("≥ {limit}"),
        }
    }
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
            ("rounds", format!("at least {rounds} a row")),
        ];
        Ok(Self {
            names: peers.iter().map(|peer| peer.name.clone()).collect(),
            relay: position(|kind| matches!(kind, Kind::Relay)).unwrap_or_default(),
            haproxy: position(|kind| matches!(kind, Kind::Haproxy { .. })),
            about,
            binary_bytes: fs::metadata(proxy)?.len(),
            judged,
            rows: Vec::new(),
            charts: Vec::new(),
        })
    }

    /// Adds the figures of a group: for each peer and row, those of the rounds.
    pub fn add_group(&mut self, group: &'static Group, measured: Vec<Vec<Vec<f64>>>) {
        for (place, row) in group.rows.iter().enumerate() {
            let of_peers = measured.iter().map(|rows| rows[place].clone()).collect();
            self.rows.push((group.name, row, of_peers));
        }
        if group.name == "rest" {
            self.rows.push((group.name, &BINARY, vec![vec![self.binary_bytes as f64 / 1e6]]));
        }
    }

    /// Adds the figures of a sweep: for each chart, peer and point, those of the rounds.
    pub fn add_sweep(&mut self, sweep: &'static Sweep, measured: Vec<Vec<Vec<Vec<f64>>>>) {
        for (&(file, title, unit), measured) in sweep.charts.iter().zip(measured) {
            let title = format!("{title}, by {}", sweep.grows_with);
            let (grows_with, points) = (sweep.grows_with, sweep.points);
            self.charts.push(Chart { file, title, grows_with, unit, points, measured });
        }
    }

    /// The limits of a row: what each is about and what it comes to.
    fn judge(&self, row: &Row, medians: &[f64]) -> Vec<(&str, Limit, f64)> {
        let against = |other: usize| medians.get(other).map(|other| medians[0] / other);
        let of = |name, limit: Option<Limit>, value: Option<f64>| Some((name, limit?, value?));
        [
            of("the relay's", row.relay, against(self.relay)),
            of("HAProxy's", row.haproxy, self.haproxy.and_then(against)),
            of(row.unit.name(), row.alone, Some(medians[0])),
        ]
        .into_iter()
        .flatten()
        .filter(|(_, _, value)| !value.is_nan())
        .collect()
    }

    /// Whether every limit was kept.
    pub fn limits_kept(&self) -> bool {
        !self.judged
            || self.rows.iter().all(|(_, row, measured)| {
                let medians: Vec<f64> = measured.iter().map(|rounds| median(rounds)).collect();
                self.judge(row, &medians).iter().all(|(_, limit, value)| limit.holds(*value))
            })
    }

    /// The tables.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.about {
            let _ = writeln!(out, "- {name}: {value}");
        }
        if !self.rows.is_empty() {
            let _ = writeln!(out, "\n| | {} | limits |", self.names.join(" | "));
            let _ = writeln!(out, "|---|{}---|", "---|".repeat(self.names.len()));
        }
        for (_, row, measured) in &self.rows {
            let medians: Vec<f64> = measured.iter().map(|rounds| median(rounds)).collect();
            let _ = write!(out, "| {} |", row.what);
            for place in 0..self.names.len() {
                let shown = medians.get(place).map(|value| row.unit.show(*value));
                let _ = write!(out, " {} |", shown.unwrap_or_default());
            }
            let judged = self.judge(row, &medians).into_iter().map(|(of, limit, value)| {
                let missed = if limit.holds(value) || !self.judged { "" } else { " **missed**" };
                match limit {
                    // The column shows it already.
                    _ if of == row.unit.name() => format!("{} {of}{missed}", limit.show()),
                    _ => format!("{value:.2} of {of} ({}){missed}", limit.show()),
                }
            });
            let _ = writeln!(out, " {} |", judged.collect::<Vec<_>>().join("; "));
        }
        for chart in &self.charts {
            let _ = write!(out, "\n![{0}](bench/{1}.svg)\n", chart.title, chart.file);
        }
        for chart in &self.charts {
            let _ = writeln!(out, "\n{} ({}):\n", chart.title, chart.unit.name());
            let points: Vec<String> = chart.points.iter().map(|point| thousands(*point as f64)).collect();
            let _ = writeln!(out, "| {} | {} |", chart.grows_with, points.join(" | "));
            let _ = writeln!(out, "|---|{}", "---|".repeat(points.len()));
            for (name, of_points) in self.names.iter().zip(&chart.measured) {
                let shown: Vec<String> =
                    of_points.iter().map(|rounds| chart.unit.show(median(rounds))).collect();
                let _ = writeln!(out, "| {name} | {} |", shown.join(" | "));
            }
        }
        out
    }

    /// Writes pictures and JSON to `docs/bench`, and the tables into `docs/performance.md`.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        let folder = root.join("docs/bench");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("relay.json"), self.json())?;
        for chart in &self.charts {
            fs::write(folder.join(chart.file).with_extension("svg"), self.svg(chart))?;
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

    fn json(&self) -> String {
        let peers = |measured: &[Vec<f64>]| {
            let of_peers = self.names.iter().zip(measured);
            let of_peers = of_peers.map(|(name, rounds)| format!("{}: {rounds:?}", quoted(name)));
            format!("{{{}}}", of_peers.collect::<Vec<_>>().join(", "))
        };
        let rows = self.rows.iter().map(|(group, row, measured)| {
            let (what, unit) = (quoted(row.what), quoted(row.unit.name()));
            format!(
                "{{\"group\": \"{group}\", \"what\": {what}, \"unit\": {unit}, \"rounds\": {}}}",
                peers(measured)
            )
        });
        let charts = self.charts.iter().map(|chart| {
            let (title, unit) = (quoted(&chart.title), quoted(chart.unit.name()));
            let points = chart.points.iter().enumerate().map(|(place, point)| {
                let of_peers: Vec<Vec<f64>> =
                    chart.measured.iter().map(|of_points| of_points[place].clone()).collect();
                format!("{{\"at\": {point}, \"rounds\": {}}}", peers(&of_peers))
            });
            let points = points.collect::<Vec<_>>().join(",\n    ");
            format!("{{\"what\": {title}, \"unit\": {unit}, \"points\": [\n    {points}]}}")
        });
        let about = self.about.iter().map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)));
        format!(
            "{{\"about\": {{{}}},\n\"rows\": [\n  {}],\n\"growth\": [\n  {}]}}\n",
            about.collect::<Vec<_>>().join(", "),
            rows.collect::<Vec<_>>().join(",\n  "),
            charts.collect::<Vec<_>>().join(",\n  "),
        )
    }

    /// Both axes are logarithmic, so that figures far apart can be compared.
    fn svg(&self, chart: &Chart) -> String {
        let medians: Vec<Vec<f64>> = chart
            .measured
            .iter()
            .map(|of_points| of_points.iter().map(|rounds| median(rounds)).collect())
            .collect();
        let figures = || medians.iter().flatten().copied().filter(|figure| *figure > 0.0);
        let lowest = figures().fold(f64::INFINITY, f64::min).log10().floor();
        let highest = figures().fold(f64::NEG_INFINITY, f64::max).log10().ceil().max(lowest + 1.0);
        let first = chart.points.first().map_or(0.0, |point| (*point as f64).log10());
        let last = chart.points.last().map_or(1.0, |point| (*point as f64).log10());
        let x = |point: u64| 70.0 + 410.0 * ((point as f64).log10() - first) / (last - first);
        let y = |figure: f64| 310.0 - 260.0 * (figure.log10() - lowest) / (highest - lowest);

        let mut out = String::from(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 360\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"640\" height=\"360\" fill=\"#fff\"/>\n",
        );
        let mut text = |x: f64, y: f64, anchor: &str, words: &str| {
            let _ = writeln!(out, "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\">{words}</text>");
        };
        text(70.0, 24.0, "start", &format!("{} ({})", chart.title, chart.unit.name()));
        for point in chart.points {
            text(x(*point), 330.0, "middle", &thousands(*point as f64));
        }
        text(275.0, 350.0, "middle", chart.grows_with);
        let decades: Vec<f64> =
            (lowest as i32..=highest as i32).map(|exponent| 10_f64.powi(exponent)).collect();
        for decade in &decades {
            let shown = if *decade < 1.0 { decade.to_string() } else { thousands(*decade) };
            text(62.0, y(*decade) + 4.0, "end", &shown);
        }
        for (place, name) in self.names.iter().enumerate() {
            text(520.0, 64.0 + 20.0 * place as f64, "start", name);
        }
        for decade in &decades {
            let _ = writeln!(out, "<path d=\"M70 {0:.1}H480\" stroke=\"#dee2e6\"/>", y(*decade));
        }
        for (place, figures) in medians.iter().enumerate() {
            let colour = COLOURS[place % COLOURS.len()];
            let at = |(point, figure): (&u64, &f64)| format!("{:.1},{:.1}", x(*point), y(*figure));
            let line: Vec<String> = chart.points.iter().zip(figures).map(at).collect();
            let _ = writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                line.join(" ")
            );
            let height = 60 + 20 * place;
            let _ = writeln!(out, "<path d=\"M495 {height}H515\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        }
        out.push_str("</svg>\n");
        out
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    docker_socket_proxy::json::escape(&mut out, text);
    out.push('"');
    out
}
