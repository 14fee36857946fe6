//! Runs effects outside the loop and brings their answers back. Nothing is decided here.

use super::world::{ActOrder, LookOrder, World};
use crate::domain::decide::{Effect, Signal};
use crate::domain::guard::Permit;
use crate::domain::id::IncidentId;
use crate::domain::look::{LookHow, Observation, TargetState};
use crate::domain::notice::{Delivery, NoticeKind};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::{PlannedStep, Section};
use crate::telemetry::Telemetry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// What came back, and for whom.
#[derive(Clone, Debug)]
pub struct Answer {
    pub incident: IncidentId,
    pub signal: Signal,
    token: Token,
}

/// Tells a look that is still wanted from one that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Look(u64),
    Act,
    Tell(NoticeKind),
}

pub struct Performer<W> {
    world: Arc<W>,
    answers: mpsc::UnboundedSender<Answer>,
    telemetry: Telemetry,
    looks: HashMap<IncidentId, (u64, AbortHandle)>,
    /// Incidents with a step under way. Such a step is never aborted.
    acts: HashSet<IncidentId>,
    /// Messages under way, or taken and waiting for their commit.
    tells: HashSet<(IncidentId, NoticeKind)>,
    next_look: u64,
}

/// Every probe has a deadline of its own; this one is for a probe that forgets it. An incident must not wait for ever.
const LOOK_MAX: Duration = Duration::from_secs(60);

/// Likewise, for a channel that forgets its own deadline.
const TELL_MAX: Duration = Duration::from_secs(120);

// === impl Performer ===

impl<W: World> Performer<W> {
    pub fn new(world: Arc<W>, answers: mpsc::UnboundedSender<Answer>, telemetry: Telemetry) -> Self {
        Self { world, answers, telemetry, looks: HashMap::new(), acts: HashSet::new(), tells: HashSet::new(), next_look: 0 }
    }

    pub fn perform(&mut self, incident: IncidentId, effect: Effect) {
        match effect {
            Effect::StopLooking => self.stop_looking(incident),
            Effect::Look { target, probes, how } => self.look(incident, LookOrder { target, probes, how }),
            Effect::Act { step, section, index, permit } => self.act(incident, step, section, index, permit),
            Effect::Tell(notice) => {
                if !self.tells.insert((incident, notice.kind)) {
                    return;
                }
                let world = Arc::clone(&self.world);
                let telemetry = self.telemetry.clone();
                let kind = notice.kind;
                self.spawn(incident, Token::Tell(kind), async move {
                    let deliveries = tokio::time::timeout(TELL_MAX, world.tell(notice)).await.unwrap_or_else(|_| {
                        vec![Delivery { channel: "all".to_owned(), error: Some("no answer in time".to_owned()) }]
                    });
                    for delivery in &deliveries {
                        telemetry.notified(&delivery.channel, delivery.error.is_none());
                    }
                    Signal::Told { notice: kind, deliveries }
                });
            }
        }
    }

    /// Whether the answer is still wanted; frees what it occupied.
    pub fn settle(&mut self, answer: &Answer) -> bool {
        match answer.token {
            Token::Look(number) => {
                let current = self.looks.get(&answer.incident).is_some_and(|(wanted, _)| *wanted == number);
                if current {
                    self.looks.remove(&answer.incident);
                }
                current
            }
            Token::Act => {
                self.acts.remove(&answer.incident);
                true
            }
            Token::Tell(kind) => {
                self.tells.remove(&(answer.incident, kind));
                true
            }
        }
    }

    /// Answers whose round could not be committed. Looks are made anew; what was done or told is not to be lost.
    /// Returns the incidents whose step has ended.
    pub fn requeue(&mut self, answers: Vec<Answer>) -> Vec<IncidentId> {
        let acted = answers.iter().filter(|answer| answer.token == Token::Act).map(|answer| answer.incident).collect();
        for answer in answers.into_iter().filter(|answer| !matches!(answer.token, Token::Look(_))) {
            if let Token::Tell(kind) = answer.token {
                self.tells.insert((answer.incident, kind));
            }
            drop(self.answers.send(answer));
        }
        acted
    }

    pub fn acting(&self) -> usize {
        self.acts.len()
    }

    pub fn is_busy(&self, incident: IncidentId) -> bool {
        self.looks.contains_key(&incident) || self.acts.contains(&incident)
    }

    pub fn abort_all(&mut self) {
        for (_, (_, task)) in self.looks.drain() {
            task.abort();
        }
    }

    fn stop_looking(&mut self, incident: IncidentId) {
        if let Some((_, task)) = self.looks.remove(&incident) {
            task.abort();
        }
    }

    fn look(&mut self, incident: IncidentId, order: LookOrder) {
        self.stop_looking(incident);
        self.next_look += 1;
        let number = self.next_look;
        let world = Arc::clone(&self.world);
        let patience = match order.how {
            LookHow::Once => Some(LOOK_MAX),
            LookHow::UntilPass { within, .. } => Some(within + LOOK_MAX),
            LookHow::UntilFail { .. } => None,
        };
        let task = self.spawn(incident, Token::Look(number), async move {
            let seen = match patience {
                Some(patience) => tokio::time::timeout(patience, world.look(order)).await,
                None => Ok(world.look(order).await),
            };
            Signal::Looked(seen.unwrap_or_else(|_| Observation {
                probes: Vec::new(),
                state: TargetState::Unreachable { detail: "a look did not end in time".to_owned() },
                evidence: None,
            }))
        });
        self.looks.insert(incident, (number, task));
    }

    fn act(&mut self, incident: IncidentId, step: PlannedStep, section: Section, index: usize, permit: Permit) {
        debug_assert!(
            step.object
                .iter()
                .all(|target| step.risk == crate::domain::playbook::Risk::Read || permit.targets().contains(target))
        );
        self.acts.insert(incident);
        let world = Arc::clone(&self.world);
        self.spawn(incident, Token::Act, async move {
            let attempt = permit.attempt();
            let started = tokio::time::Instant::now();
            let deadline = step.deadline;
            fail::fail_point!("before-act");
            // A call without an answer in time is unknown, never "failed, so again".
            let acted = match tokio::time::timeout(deadline, world.act(ActOrder { step, permit })).await {
                Ok(acted) => acted,
                Err(_) => Acted::new(ActOutcome::Unknown, format!("no answer within {} s", deadline.as_secs())),
            };
            Signal::Acted { attempt, section, step: index, acted, took: started.elapsed() }
        });
    }

    fn spawn(&self, incident: IncidentId, token: Token, work: impl Future<Output = Signal> + Send + 'static) -> AbortHandle {
        let answers = self.answers.clone();
        tokio::spawn(async move {
            let signal = work.await;
            // The loop is gone: heald is stopping.
            drop(answers.send(Answer { incident, signal, token }));
        })
        .abort_handle()
    }
}
