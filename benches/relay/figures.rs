//! Figures, in what they are counted, and what they may be.

/// What a figure counts.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Milliseconds of CPU a GiB.
    MillisecondsPerGib,
    /// Requests a second.
    PerSecond,
    /// KiB.
    Kib,
    /// MB.
    Megabytes,
    /// A part of one.
    Part,
}

impl Unit {
    /// Its name behind a number.
    pub fn name(self) -> &'static str {
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

    /// A figure with its unit; nothing where there is none.
    pub fn show(self, value: f64) -> String {
        if value.is_nan() {
            return String::new();
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

/// A number with commas.
pub fn thousands(value: f64) -> String {
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

/// What a figure may be, by itself or beside another's.
#[derive(Clone, Copy)]
pub enum Limit {
    /// At most so much, or so many times the other's.
    AtMost(f64),
    /// At least so much, or so many times the other's.
    AtLeast(f64),
    /// At most so much more than the other's.
    MoreBy(f64),
}

impl Limit {
    /// Whether it is kept.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) | Self::MoreBy(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    /// The limit alone.
    pub fn show(self) -> String {
        match self {
            Self::AtMost(limit) | Self::MoreBy(limit) => format!("≤ {limit}"),
            Self::AtLeast(limit) => format!("≥ {limit}"),
        }
    }

    /// What is held against it: how one figure stands to another's.
    fn compare(self, figure: f64, other: f64) -> f64 {
        match self {
            Self::AtMost(_) | Self::AtLeast(_) => figure / other,
            Self::MoreBy(_) => figure - other,
        }
    }
}

/// The figures of a row: for each peer those of its rounds, NaN where a round gave none. The first peer is the proxy.
#[derive(Default)]
pub struct Figures(Vec<Vec<f64>>);

impl Figures {
    /// One figure of the proxy alone.
    pub fn of_proxy(figure: f64) -> Self {
        Self(vec![vec![figure]])
    }

    /// Adds what a peer gave in a round, at the place of the peer.
    pub fn push(&mut self, peer: usize, figure: f64) {
        if self.0.len() <= peer {
            self.0.resize(peer + 1, Vec::new());
        }
        self.0[peer].push(figure);
    }

    /// Those of a peer.
    pub fn of(&self, peer: usize) -> &[f64] {
        self.0.get(peer).map_or(&[], Vec::as_slice)
    }

    /// The figure of a peer: the median of its rounds, NaN where it has none.
    pub fn median(&self, peer: usize) -> f64 {
        median(self.of(peer).iter().copied())
    }

    /// How the proxy stands to another peer: the median of what the rounds come to, each by itself. Both of a round were measured
    /// right behind each other, so that it does not matter where the machine is slower in one round than in the next.
    pub fn beside(&self, peer: usize, limit: Limit) -> f64 {
        let rounds = self.of(0).iter().zip(self.of(peer));
        median(rounds.map(|(figure, other)| limit.compare(*figure, *other)))
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.filter(|figure| !figure.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}
