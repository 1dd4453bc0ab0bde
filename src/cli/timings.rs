//! Where the time went, for `run --timings`.

use std::time::Duration;

use super::output;
use crate::{
    engine,
    model::{Mark, Step, waterfall},
};

/// How many signs the longest bar has.
const WIDTH: f64 = 40.0;

/// Says that a step is over now.
pub(super) fn mark(step: Step) -> Mark {
    Mark { step, at: engine::now() }
}

/// Prints which part of the time since `begun` went where, a line a step, and all of it.
pub(super) fn print(begun: Duration, marks: Vec<Mark>) {
    for line in lines(begun, marks) {
        output::error_line(line);
    }
}

fn lines(begun: Duration, marks: Vec<Mark>) -> Vec<String> {
    let steps = waterfall(begun, marks);
    let total: Duration = steps.iter().map(|(_, taken)| *taken).sum();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let mut passed = Duration::ZERO;
    let mut lines: Vec<String> = Vec::new();
    for (step, taken) in steps {
        let signs = |time: Duration| {
            let share = time.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
            "#".repeat(scaled(share))
        };
        let before = " ".repeat(signs(passed).len());
        lines.push(format!("{step:8} {:9.3} ms  {before}{}", millis(taken), signs(taken)));
        passed += taken;
    }
    lines.push(format!("{:8} {:9.3} ms", "total", millis(total)));
    lines
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is between 0 and 1"
)]
fn scaled(share: f64) -> usize {
    (share * WIDTH).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_stands_where_it_began_and_all_have_a_sum() {
        let at = |step, millis| Mark { step, at: Duration::from_millis(millis) };
        let marks = vec![at(Step::Load, 11), at(Step::Exec, 14), at(Step::Clone, 12)];
        let lines = lines(Duration::from_millis(10), marks).join("\n");
        insta::assert_snapshot!(lines, @r"
        load         1.000 ms  ##########
        clone        1.000 ms            ##########
        exec         2.000 ms                      ####################
        total        4.000 ms
        ");
    }
}
