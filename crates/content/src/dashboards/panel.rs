//! What is shown: the kinds of charts, and how the columns of a result become marks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One picture of one or several queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// A short name that stays when the title changes; addresses and exports use it.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it shows and how it was computed.
    #[serde(default)]
    pub description: String,
    /// How it is drawn.
    pub chart: Chart,
    /// Column, row, width and height, in a grid of twelve columns.
    pub at: [u16; 4],
    /// Names of the queries that are drawn.
    #[serde(default)]
    pub queries: Vec<String>,
    /// The column of the horizontal axis; the time or the first group if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The columns whose values are drawn; every number that is no group if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub y: Vec<String>,
    /// The column whose values make the series; every other group if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The column with the whole that a value is a part of, where shares are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// What the values are.
    #[serde(default)]
    pub unit: Unit,
    /// Whether series stand on top of each other.
    #[serde(default)]
    pub stacked: bool,
    /// Of a single value or gauge: what becomes of several rows.
    #[serde(default)]
    pub reduce: Reduce,
    /// Of a single value: the query whose values over time are drawn small below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<String>,
    /// How far in the past to look for what the values are compared with: a duration such as `1d`, or `range`, the
    /// length of the range shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<String>,
    /// Whether a smaller value is better, when one is compared or coloured; unknown if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_is_better: Option<bool>,
    /// Values from which on something is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// The ends of a gauge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<[f64; 2]>,
    /// Of a table: its columns in their order; every column of the result if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// A query in the log language whose events are the rows behind the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<String>,
    /// Where a reader goes from here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Of a text panel: its Markdown (headings, paragraphs, lists, links, emphasis, code).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Panel {
    /// A panel that asks nothing yet.
    pub(crate) fn new(id: String, title: String, chart: Chart, at: [u16; 4]) -> Panel {
        Panel {
            id,
            title,
            description: String::new(),
            chart,
            at,
            queries: Vec::new(),
            x: None,
            y: Vec::new(),
            by: None,
            of: None,
            unit: Unit::Number,
            stacked: false,
            reduce: Reduce::Last,
            trend: None,
            compare: None,
            less_is_better: None,
            thresholds: Vec::new(),
            limits: None,
            columns: Vec::new(),
            rows: None,
            links: Vec::new(),
            text: String::new(),
        }
    }
}

/// How a panel is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chart {
    /// Lines over time.
    Line,
    /// Filled lines over time.
    Area,
    /// Upright bars over time or over names.
    Column,
    /// Lying bars, one a name.
    Bar,
    /// One number, with its trend and what it was before.
    Single,
    /// Shares of a whole.
    Pie,
    /// Shares of a whole, with the whole in the middle.
    Donut,
    /// Rows and columns.
    Table,
    /// Values of names over time, as colours.
    Heatmap,
    /// One cell a name, coloured by its value.
    Honeycomb,
    /// One number between two ends.
    Gauge,
    /// Words.
    Text,
    /// Events.
    Logs,
}

/// What a value is, which decides how it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A plain number.
    #[default]
    Number,
    /// Percent, 0 to 100.
    Percent,
    /// Milliseconds.
    Ms,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Megabytes as the clouds bill memory.
    Mb,
    /// US dollars.
    Usd,
    /// A moment.
    Time,
}

/// What becomes of several rows where one number is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduce {
    /// The last one that is known.
    #[default]
    Last,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// A value from which on something is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The value; what is at it or beyond it is in the state.
    pub at: f64,
    /// How wrong.
    pub state: State,
    /// Whether smaller values are beyond it.
    #[serde(default)]
    pub below: bool,
    /// Words at the line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// How wrong something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Worth a look.
    Warning,
    /// Somebody has to act.
    Critical,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The column of the result.
    pub field: String,
    /// What stands above it; the field if not given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What its values are.
    #[serde(default)]
    pub unit: Unit,
    /// Whether a bar is drawn beside the number.
    #[serde(default)]
    pub bar: bool,
    /// Values from which on something is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
}

/// A way from a panel to another dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What it is called.
    pub title: String,
    /// The dashboard's id, such as `aws-lambda/errors`.
    pub dashboard: String,
    /// Variables of that dashboard, and the columns of the clicked row that give their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
}
