//! The live tier: a real Prometheus, Alertmanager, node_exporter, systemd and Docker engine, and heald as users run it.
//! Nothing is mocked.
//!
//! One stack for all tests; each has a heald, victims and an inbox of its own and is told only of its own
//! targets, so that they run at the same time. Whatever can't run here fails and says what to do.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::expect_used, clippy::unwrap_used, reason = "a test program")]
#![allow(clippy::disallowed_methods, reason = "the outside has clocks of its own")]

#[path = "../boards/mod.rs"]
mod boards;
#[path = "../drills/mod.rs"]
mod drills;
#[path = "../fake/mod.rs"]
mod fake;
#[path = "../lab/mod.rs"]
mod lab;

mod act_docker;
mod act_drills;
mod act_files;
mod act_host;
mod act_net;
mod alerts;
mod collectors;
mod compose;
mod consent;
mod crashes;
mod dashboards;
mod detection;
mod drilled;
mod failover;
mod flood;
mod ground;
mod guards;
mod init;
mod journal;
mod managers;
mod outages;
mod people;
mod repairs;
mod rollbacks;
mod rules;
mod scene;
mod shipped;
mod victims;

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use lab::{Context as _, Error, Pace, Result, StackOptions, session, shipped_rules};
use libtest_mimic::{Arguments, Failed, Trial};
use scene::{Bench, Scene};
use tokio::runtime::Handle;

type Test = fn(Arc<Scene>) -> LocalBoxFuture<'static, Result<()>>;

/// A test that has not ended by then is stuck.
const DEADLINE: Duration = Duration::from_secs(150);
/// They mostly wait; more at once would make each other's detection slow.
const AT_ONCE: usize = 4;

/// The longest first: the last one to end decides how long all take. What makes the whole machine slow for a moment comes
/// last.
const TESTS: [(&str, Test); 51] = [
    ("drills_heal_in_time", |scene| drilled::heal_in_time(scene).boxed_local()),
    ("drills_are_undone_when_ended", |scene| drilled::undone(scene).boxed_local()),
    ("rollbacks_take_back", |scene| rollbacks::take_back(scene).boxed_local()),
    ("failover_dead_is_not_unseen", |scene| failover::dead_is_not_unseen(scene).boxed_local()),
    ("failover_partitioned_is_fenced_first", |scene| failover::partitioned_is_fenced_first(scene).boxed_local()),
    ("shipped_stack_heals", |scene| compose::stack_heals(scene).boxed_local()),
    ("each_domain_is_detected", |scene| detection::each_domain(scene).boxed_local()),
    ("drills_break_and_mend", |scene| act_drills::break_and_mend(scene).boxed_local()),
    ("docker_recreate_killed_at_every_gap", |scene| act_docker::gaps::recreate(scene).boxed_local()),
    ("docker_restore_killed_at_every_gap", |scene| act_docker::gaps::restore(scene).boxed_local()),
    ("docker_small_actions", |scene| act_docker::small::touches(scene).boxed_local()),
    ("docker_recreate_keeps_all", |scene| act_docker::recreate::keeps_all(scene).boxed_local()),
    ("docker_recreate_says_no", |scene| act_docker::recreate::says_no(scene).boxed_local()),
    ("docker_prune_keeps_what_is_needed", |scene| act_docker::small::prunes(scene).boxed_local()),
    ("docker_recreate_from_compose", |scene| act_docker::compose::by_its_file(scene).boxed_local()),
    ("host_steps_do_fail_and_refuse", |scene| act_host::do_fail_and_refuse(scene).boxed_local()),
    ("two_names_are_one_target", |scene| managers::two_names(scene).boxed_local()),
    ("every_panel_shows_something", |scene| dashboards::every_panel_shows_something(scene).boxed_local()),
    ("start_limit_is_never_hit", |scene| managers::start_limit(scene).boxed_local()),
    ("silenced_while_repaired", |scene| guards::silenced_while_repaired(scene).boxed_local()),
    ("silenced_alert_waits", |scene| guards::silenced(scene).boxed_local()),
    ("never_healthy_stops_at_the_budget", |scene| repairs::never_healthy(scene).boxed_local()),
    ("telegram_press_repairs_once", |scene| people::conversation(scene).boxed_local()),
    ("escalation_reaches_board_and_room", |scene| people::board_and_room(scene).boxed_local()),
    ("bus_gone_then_back", |scene| outages::bus_gone(scene).boxed_local()),
    ("collectors_see_the_real_things", |scene| collectors::see_the_real_things(scene).boxed_local()),
    ("shipped_unit_starts_and_heals", |scene| shipped::unit_starts_and_heals(scene).boxed_local()),
    ("engine_cut_off_then_back", |scene| outages::engine_cut_off(scene).boxed_local()),
    ("alert_not_listed_waits", |scene| guards::not_listed(scene).boxed_local()),
    ("what_is_needed_comes_first", |scene| managers::needed_first(scene).boxed_local()),
    ("slow_starters_restart_once", |scene| managers::slow_starters(scene).boxed_local()),
    ("unit_killed_is_healed", |scene| repairs::unit_killed(scene).boxed_local()),
    ("container_killed_is_healed", |scene| repairs::container_killed(scene).boxed_local()),
    ("approval_is_asked_first", |scene| consent::asked_first(scene).boxed_local()),
    ("stopped_by_a_person_is_left_alone", |scene| repairs::stopped_by_a_person(scene).boxed_local()),
    ("stopped_in_after_care_is_left_alone", |scene| guards::stopped_in_after_care(scene).boxed_local()),
    ("own_ground_is_left_to_people", |scene| guards::own_ground(scene).boxed_local()),
    ("killed_again_is_healed_by_after_care", |scene| repairs::killed_again_in_after_care(scene).boxed_local()),
    ("crash_after_the_reply", |scene| crashes::after_the_reply(scene).boxed_local()),
    ("crash_before_the_call", |scene| crashes::before_the_call(scene).boxed_local()),
    ("crash_after_the_call", |scene| crashes::after_the_call(scene).boxed_local()),
    ("act_files_empty_a_full_disk", |scene| act_files::full_disk(scene).boxed_local()),
    ("act_files_each_kind", |scene| act_files::each_kind(scene).boxed_local()),
    ("act_sqlite_beside_a_writer", |scene| act_files::database(scene).boxed_local()),
    ("same_webhook_200_times_is_one_repair", |scene| flood::one_repair(scene).boxed_local()),
    ("steps_speak_to_services", |scene| act_net::services(scene).boxed_local()),
    ("steps_restart_and_run_programs", |scene| act_net::programs(scene).boxed_local()),
    ("steps_pull_a_model", |scene| act_net::model_pull(scene).boxed_local()),
    ("init_finds_what_runs", |scene| init::finds_what_runs(scene).boxed_local()),
    ("fast_rules_are_the_shipped_rules", |scene| rules::paced_as_shipped(scene).boxed_local()),
    ("caches_are_dropped_where_allowed", |scene| act_host::caches(scene).boxed_local()),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials(|_, _| Ok(()))).exit_code();
    }
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    match all(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("live: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all(arguments: Arguments) -> Result<ExitCode> {
    lab::can_run()?;
    let rules = shipped_rules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("alert-rules"), &Pace::default())?;
    let options = StackOptions { rules, ..StackOptions::default() };
    session::run(options, move |handle, stack| {
        let bench = handle.block_on(async {
            let program = own_copy(stack.run().files())?;
            let bench = Bench::open(stack.clone(), program).await?;
            Ok::<_, Error>(Arc::new(bench))
        })?;
        let conclusion = libtest_mimic::run(&arguments, trials(move |name, test| run(&handle, &bench, name, test)));
        if conclusion.has_failed() {
            stack.run().keep_files();
        }
        Ok(conclusion.exit_code())
    })?
}

fn trials(run: impl Fn(&'static str, Test) -> Result<(), Failed> + Clone + Send + 'static) -> Vec<Trial> {
    TESTS.map(|(name, test)| (name, test, run.clone())).map(|(name, test, run)| Trial::test(name, move || run(name, test))).into()
}

/// With the test's end, good or bad, in time; a bad one brings heald's own account along.
fn run(handle: &Handle, bench: &Arc<Bench>, name: &'static str, test: Test) -> Result<(), Failed> {
    handle.block_on(async {
        let start = Instant::now();
        let scene = Arc::new(Scene::open(bench.clone(), name).await.map_err(|error| error.to_string())?);
        let guarded = AssertUnwindSafe(tokio::time::timeout(DEADLINE, test(scene.clone()))).catch_unwind();
        let why = match guarded.await {
            Ok(Ok(Ok(()))) => {
                scene.say(&format!("ok after {:.1} s", start.elapsed().as_secs_f64()));
                return Ok(());
            }
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(_)) => format!("stuck: it has not ended within {DEADLINE:?}"),
            Err(_) => "it panicked; the message is above".to_owned(),
        };
        Err(format!("{why}\n{}", scene.report()).into())
    })
}

/// cargo replaces the program when somebody builds while the tests run.
fn own_copy(dir: &Path) -> Result<PathBuf> {
    let (built, own) = (Path::new(env!("CARGO_BIN_EXE_heald")), dir.join("heald"));
    if fs::hard_link(built, &own).is_err() {
        fs::copy(built, &own).context("copy heald")?;
    }
    Ok(own)
}
