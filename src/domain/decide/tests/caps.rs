//! How often, and no more: severity, breaker, budget, flapping.

use super::check;

#[test]
pub(super) fn suspected_corruption_is_never_tried() {
    check(
        "given class corruption; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (policy): failures of the class corruption: nothing is tried
         0s      → tell escalated: failures of the class corruption: nothing is tried
        ",
    );
}

#[test]
pub(super) fn a_rate_limit_is_given_five_minutes() {
    check(
        "given class rate_limit; fire; look failed; +5m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by severity: failures of the class rate_limit: nothing is tried, it has until 00:05:00 to pass
         5m      looked, bad: active: fail; http: fail [failed (says the world)]
         5m      escalated (policy): failures of the class rate_limit: nothing is tried
         5m      → tell escalated: failures of the class rate_limit: nothing is tried
        ",
    );
}

#[test]
pub(super) fn a_device_is_reset_once() {
    check(
        "given class device; fire; look failed; act done; look failed/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (policy): failures of the class device: 1 of 1 attempts did not help
         0s      → tell escalated: failures of the class device: 1 of 1 attempts did not help
        ",
    );
}

#[test]
pub(super) fn of_several_each_is_tried_twice() {
    check(
        "given down 2; fire; look failed; act done; look failed/2; +11s; look failed/2; act done; look failed/3; +30s",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         11s     attempt 2 permitted: restart [target: failed (says the world)]
         11s     step 1: systemd.restart web.service
         11s     step 1 done: says the world (500 ms)
         11s     attempt 2 ended not_healed: active: fail; http: fail
         11s     looked, bad: active: fail; http: fail [failed (says the world)]
         11s     escalated (policy): 2 targets are down at once: 2 of 2 attempts did not help
         11s     → tell escalated: 2 targets are down at once: 2 of 2 attempts did not help
        ",
    );
}

#[test]
pub(super) fn the_breaker_opens_after_failures_and_lets_one_trial_through() {
    check(
        "given patient; given breaker 2; fire; look failed; act done; look failed/2; +11s; look failed/2; act done; look failed/3; +1m; look failed/3; +2m; look failed/3; act done; look failed/4; +2m; look failed/4",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         11s     attempt 2 permitted: restart [target: failed (says the world)]
         11s     step 1: systemd.restart web.service
         11s     step 1 done: says the world (500 ms)
         11s     attempt 2 ended not_healed: active: fail; http: fail
         11s     looked, bad: active: fail; http: fail [failed (says the world)]
         11s     held by cooldown: unit web.service cools down until 00:00:32.123Z after the last attempt
         1m11s   held by breaker: the breaker for unit web.service is open until 00:02:11: 2 attempts in a row did not help
         3m11s   attempt 3 permitted: restart [target: failed (says the world)]
         3m11s   step 1: systemd.restart web.service
         3m11s   step 1 done: says the world (500 ms)
         3m11s   attempt 3 ended not_healed: active: fail; http: fail
         3m11s   looked, bad: active: fail; http: fail [failed (says the world)]
         3m11s   held by cooldown: unit web.service cools down until 00:03:51.718Z after the last attempt
         5m11s   attempt 4 permitted: restart [target: failed (says the world)]
         5m11s   step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_a_person_opened_only_a_person_closes() {
    check(
        "given breaker-opened; fire; look failed; +10m; look failed; given breaker-closed; unblock; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by breaker: the breaker for unit web.service was opened by ann until lifted: flaky disk
         0s      → tell left_alone: the breaker for unit web.service was opened by ann until lifted: flaky disk
         10m     attempt 1 permitted: restart [target: failed (says the world)]
         10m     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_a_person_opened_for_a_time_ends_with_it() {
    check(
        "given breaker-opened 90; fire; look failed; +1m; look failed; +30s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by breaker: the breaker for unit web.service was opened by ann until 00:01:30: flaky disk
         1m30s   attempt 1 permitted: restart [target: failed (says the world)]
         1m30s   step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn budgets_of_playbook_host_and_everything() {
    check(
        "given budget-for host; given spent 2; +10m; fire; look failed",
        "
         10m     WebDown fires for unit web.service: playbook web-down
         10m     looked, bad: active: fail; http: fail [failed (says the world)]
         10m     escalated (budget_refused): the budget of host h is spent: 2 of 2 in 1h
         10m     → tell escalated: the budget of host h is spent: 2 of 2 in 1h
        ",
    );
}

#[test]
pub(super) fn repaired_again_and_again_is_chronic() {
    check(
        "given flapping 2; fire; look failed; act done; look up/2; look failed/2; act done; look up/3; look failed/3; +30s; look failed/3",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         0s      failed again in after-care: active: fail; http: fail [failed (says the world)]
         0s      attempt 2 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 2 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 2 attempts
         0s      failed again in after-care: active: fail; http: fail [failed (says the world)]
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:21.123Z after the last attempt
         30s     looked, bad: active: fail; http: fail [failed (says the world)]
         30s     escalated (chronic): chronic: unit web.service was repaired 2 times within 1h and broke again
         30s     → tell escalated: chronic: unit web.service was repaired 2 times within 1h and broke again
        ",
    );
}
