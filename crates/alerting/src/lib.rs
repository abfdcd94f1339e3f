//! What watches. So far: the states of monitors, as a pure function of answers and time.

mod state;

pub use state::{
    Answer, Change, ChangeKind, GroupState, Labels, MonitorState, OpenAlert, Phase, Problem,
    ProblemState, Reason,
};
