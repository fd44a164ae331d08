//! Every exit code of the program, named and explained. `--help` prints this table.

/// How the program ended, for whoever called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitCode {
    /// The run reached its end.
    Done,
    /// The run was stopped on its way.
    Stopped,
    /// What was typed makes no sense.
    Usage,
    /// A file that the run needs cannot be used.
    Input,
    /// The run ended, but what it gave could not be written.
    Output,
    /// A bug of ours.
    Internal,
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

impl ExitCode {
    /// All of them, lowest first.
    pub const ALL: [ExitCode; 7] = [
        ExitCode::Done,
        ExitCode::Stopped,
        ExitCode::Usage,
        ExitCode::Input,
        ExitCode::Output,
        ExitCode::Internal,
        ExitCode::Interrupted,
    ];

    /// The number that the system sees. 0 and 1 are what OpenFn's CLI means by them; 2 is clap's; 70 is `EX_SOFTWARE` of
    /// sysexits; 130 is what a shell gives a program that ended by SIGINT.
    pub fn number(self) -> u8 {
        match self {
            ExitCode::Done => 0,
            ExitCode::Stopped => 1,
            ExitCode::Usage => 2,
            ExitCode::Input => 3,
            ExitCode::Output => 4,
            ExitCode::Internal => 70,
            ExitCode::Interrupted => 130,
        }
    }

    /// One line for `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            ExitCode::Done => "the run reached its end (steps that failed are on the state, and a warning counts them)",
            ExitCode::Stopped => "the run was stopped: a job crashed, ran into a limit, or the host failed it",
            ExitCode::Usage => "the command line is wrong: an unknown flag, or a step that the workflow does not have",
            ExitCode::Input => "the workflow, the state or the credentials cannot be read or are not valid",
            ExitCode::Output => "the output or the events could not be written",
            ExitCode::Internal => "a bug in fulgurite: please report it",
            ExitCode::Interrupted => "interrupted by Ctrl-C or a signal; the result was not written",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.number().into()
    }
}
