//! Silences that heald asks Alertmanager for: by a person's order, and while it repairs.

use super::check;

#[test]
fn a_silence_is_asked_for_and_its_answer_kept() {
    check(
        "given alertmanager firing; no-target; fire; silence ann; silenced 5e1f",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      → tell escalated: template: labels.target is not there
         0s      ann asks Alertmanager for a silence until 01:00:00
         0s      → silence for 1h
         0s      Alertmanager has set the silence 5e1f",
    );
    check(
        "no-target; fire; silence ann",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      → tell escalated: template: labels.target is not there
         0s      refused: incident 7 is escalated: no Alertmanager is configured that could be asked for a silence",
    );
}

/// heald's own silence keeps people from being called for what is being repaired, and nobody from repairing.
#[test]
fn a_repair_is_silenced_until_nothing_fires() {
    check(
        "given alertmanager firing; given hush; fire; look failed; hushed 5e1f; act done; look up/2; +2m; resolve",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      heald asks Alertmanager for a silence until 00:10:00
         0s      step 1: systemd.restart web.service
         0s      → silence for 10m
         0s      Alertmanager has set the silence 5e1f
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         2m      alert a resolved
         2m      heald ends its silence
         2m      all alerts resolved; closes at 00:07:00 if it stays good
         2m      → end the silence heald on h is repairing this: incident 7",
    );
    check(
        "given alertmanager firing; given hush; fire; look failed; act done; look up/2; resolve; hushed 5e1f",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      heald asks Alertmanager for a silence until 00:10:00
         0s      step 1: systemd.restart web.service
         0s      → silence for 10m
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         0s      alert a resolved
         0s      heald ends its silence
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         0s      → end the silence heald on h is repairing this: incident 7
         0s      Alertmanager has set the silence 5e1f",
    );
}

#[test]
fn whoever_is_called_hears_it_from_alertmanager_too() {
    check(
        "given alertmanager firing; given hush; fire; look failed; hushed 5e1f; act done; look failed/2; +11s; look failed; act done; look failed/2; +22s; look failed; act done; look failed/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      heald asks Alertmanager for a silence until 00:10:00
         0s      step 1: systemd.restart web.service
         0s      → silence for 10m
         0s      Alertmanager has set the silence 5e1f
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
         33s     attempt 3 permitted: restart [target: failed (says the world)]
         33s     step 1: systemd.restart web.service
         33s     step 1 done: says the world (500 ms)
         33s     attempt 3 ended not_healed: active: fail; http: fail
         33s     escalated (not_healed): all that the playbook knows was tried: 3 attempts
         33s     heald ends its silence
         33s     → end the silence heald on h is repairing this: incident 7
         33s     → tell escalated: all that the playbook knows was tried: 3 attempts",
    );
}

#[test]
fn somebody_elses_silence_holds_what_is_silenced_already() {
    check(
        "given alertmanager firing; given hush; fire; look failed; act done; look failed/2; given alertmanager silenced; +11s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      heald asks Alertmanager for a silence until 00:10:00
         0s      step 1: systemd.restart web.service
         0s      → silence for 10m
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         11s     held by window: suppressed in Alertmanager: silence 5e1f: deploy",
    );
}

#[test]
fn what_is_only_observed_is_not_silenced() {
    check("book observe; given alertmanager firing; given hush; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      would do systemd.restart web.service, attempt 1 of 3 (the playbook's mode is observe, or was when this incident opened)
         0s      → tell would_act: would do systemd.restart web.service, attempt 1 of 3 (the playbook's mode is observe, or was when this incident opened)",
    );
}
