//! Runs effects outside the loop and brings their answers back. Nothing is decided here.

use super::world::{ActOrder, LookOrder, Tell, World};
use crate::domain::decide::{Effect, Signal};
use crate::domain::guard::Permit;
use crate::domain::id::IncidentId;
use crate::domain::look::{AlertSight, LookHow, Observation, TargetState};
use crate::domain::notice::{Again, Delivery};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::{PlannedStep, Section};
use crate::telemetry::Telemetry;
use futures_util::FutureExt;
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

/// What came back, and for whom.
#[derive(Clone, Debug)]
pub struct Answer {
    pub incident: IncidentId,
    pub signal: Signal,
    token: Token,
}

/// Tells a look that is still wanted from one that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Look(u64),
    Act,
    /// A word of a step that goes on.
    Progress,
    Gather,
    Silence,
    Tell(u32, Box<str>),
}

pub struct Performer<W> {
    world: Arc<W>,
    answers: mpsc::UnboundedSender<Answer>,
    telemetry: Telemetry,
    looks: HashMap<IncidentId, (u64, AbortHandle)>,
    /// Incidents with a step under way. Such a step is never aborted.
    acts: HashSet<IncidentId>,
    /// Messages under way, or taken and waiting for their commit.
    tells: HashSet<(IncidentId, u32, String)>,
    /// A storm of messages must not take the sockets that the webhook needs.
    voices: Arc<Semaphore>,
    next_look: u64,
}

/// Tries to end a silence are this far apart. The first may come before the order that sets it has ended, which takes
/// [`TELL_MAX`] at most: only a try after that can be the last.
const UNSILENCE_AT: [Duration; 4] = [Duration::ZERO, Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(60)];

/// Every probe has a deadline of its own; this one is for a probe that forgets it. An incident must not wait for ever.
const LOOK_MAX: Duration = Duration::from_secs(60);

/// Likewise, for logs; a step does not wait for them.
const GATHER_MAX: Duration = Duration::from_secs(5);

/// Likewise, for a channel that forgets its own deadline.
const TELL_MAX: Duration = Duration::from_secs(30);
const VOICES: usize = 16;

/// Before a fault of heald's own is answered: what is asked at once again would break off at once again.
const BROKEN_PAUSE: Duration = Duration::from_secs(5);

// === impl Performer ===

impl<W: World> Performer<W> {
    pub fn new(world: Arc<W>, answers: mpsc::UnboundedSender<Answer>, telemetry: Telemetry) -> Self {
        Self {
            world,
            answers,
            telemetry,
            looks: HashMap::new(),
            acts: HashSet::new(),
            tells: HashSet::new(),
            voices: Arc::new(Semaphore::new(VOICES)),
            next_look: 0,
        }
    }

    pub fn perform(&mut self, incident: IncidentId, effect: Effect) {
        match effect {
            Effect::StopLooking => self.stop_looking(incident),
            Effect::Look(order) => self.look(incident, order),
            Effect::Act { step, section, index, permit } => self.act(incident, step, section, index, permit),
            Effect::Gather { target, lines } => {
                let world = Arc::clone(&self.world);
                let broken = Signal::Gathered { lines, logs: Some(Err(BROKEN.to_owned())) };
                self.spawn(incident, Token::Gather, broken, async move {
                    let logs = tokio::time::timeout(GATHER_MAX, world.logs(target, lines)).await;
                    Signal::Gathered { lines, logs: logs.unwrap_or_else(|_| Some(Err("no answer in time".to_owned()))) }
                });
            }
            Effect::Note(notice) => self.world.note(&notice),
            Effect::Silence(order) => {
                let world = Arc::clone(&self.world);
                let own = order.own;
                let broken = Signal::Silenced { own, answer: Err(BROKEN.to_owned()) };
                self.spawn(incident, Token::Silence, broken, async move {
                    let answer = tokio::time::timeout(TELL_MAX, world.silence(order)).await;
                    Signal::Silenced { own, answer: answer.unwrap_or_else(|_| Err("no answer in time".to_owned())) }
                });
            }
            Effect::Unsilence(comment) => drop(tokio::spawn(unsilence(Arc::clone(&self.world), comment))),
            Effect::Tell(post) => {
                let key = (incident, post.notice.number, post.channel.clone());
                if !self.tells.insert(key.clone()) {
                    return;
                }
                let world = Arc::clone(&self.world);
                let telemetry = self.telemetry.clone();
                let voices = Arc::clone(&self.voices);
                let (_, number, channel) = key;
                let failed = |why: &str| Delivery::failed(channel.clone(), why, Again::Soon);
                let broken = Signal::Told { number, delivery: failed(BROKEN) };
                let late = failed("no answer in time");
                self.spawn(incident, Token::Tell(number, channel.into()), broken, async move {
                    // The semaphore is never closed. Waiting for it is no fault of a channel.
                    let _voice = voices.acquire().await;
                    let told = tokio::time::timeout(TELL_MAX, world.tell(*post)).await;
                    let delivery = told.unwrap_or(late);
                    telemetry.notified(&delivery.channel, delivery.error.is_none());
                    Signal::Told { number, delivery }
                });
            }
        }
    }

    /// Whether the answer is still wanted; frees what it occupied.
    pub fn settle(&mut self, answer: &Answer) -> bool {
        match &answer.token {
            Token::Look(number) => {
                let current = self.looks.get(&answer.incident).is_some_and(|(wanted, _)| wanted == number);
                if current {
                    self.looks.remove(&answer.incident);
                }
                current
            }
            Token::Act => {
                self.acts.remove(&answer.incident);
                true
            }
            Token::Gather | Token::Progress => true,
            Token::Silence => true,
            Token::Tell(number, channel) => {
                self.tells.remove(&(answer.incident, *number, channel.to_string()));
                true
            }
        }
    }

    /// Answers whose round could not be committed. Looks are made anew; what was done or told is not to be lost.
    /// Returns the incidents whose step has ended.
    pub fn requeue(&mut self, answers: Vec<Answer>) -> Vec<IncidentId> {
        let acted = answers.iter().filter(|answer| answer.token == Token::Act).map(|answer| answer.incident).collect();
        for answer in answers.into_iter().filter(|answer| !matches!(answer.token, Token::Look(_))) {
            if let Token::Tell(number, channel) = &answer.token {
                self.tells.insert((answer.incident, *number, channel.to_string()));
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
        let broken = Signal::Looked(blind(BROKEN));
        let task = self.spawn(incident, Token::Look(number), broken, async move {
            let seen = match patience {
                Some(patience) => tokio::time::timeout(patience, world.look(order)).await,
                None => Ok(world.look(order).await),
            };
            Signal::Looked(seen.unwrap_or_else(|_| blind("a look did not end in time")))
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
        let attempt = permit.attempt();
        let acted = Acted::new(ActOutcome::Unknown, BROKEN);
        let broken = Signal::Acted { attempt, section, step: index, acted, took: BROKEN_PAUSE };
        let answers = self.answers.clone();
        self.spawn(incident, Token::Act, broken, async move {
            let started = tokio::time::Instant::now();
            let deadline = step.deadline;
            fail::fail_point!("before-act");
            // A call without an answer in time is unknown, never "failed, so again".
            let progress: Tell = Arc::new(move |text| {
                let signal = Signal::Progressed { attempt, step: index, text };
                drop(answers.send(Answer { incident, signal, token: Token::Progress }));
            });
            let acted = match tokio::time::timeout(deadline, world.act(ActOrder { step, permit, progress })).await {
                Ok(acted) => acted,
                Err(_) => Acted::new(ActOutcome::Unknown, format!("no answer within {} s", deadline.as_secs())),
            };
            Signal::Acted { attempt, section, step: index, acted, took: started.elapsed() }
        });
    }

    /// `broken`: the answer when the work panics. An incident that gets none would wait for ever.
    fn spawn(
        &self,
        incident: IncidentId,
        token: Token,
        broken: Signal,
        work: impl Future<Output = Signal> + Send + 'static,
    ) -> AbortHandle {
        let answers = self.answers.clone();
        tokio::spawn(async move {
            let signal = match AssertUnwindSafe(work).catch_unwind().await {
                Ok(signal) => signal,
                Err(_) => {
                    tracing::error!(incident = incident.0, "{BROKEN}");
                    tokio::time::sleep(BROKEN_PAUSE).await;
                    broken
                }
            };
            // The loop is gone: heald is stopping.
            drop(answers.send(Answer { incident, signal, token }));
        })
        .abort_handle()
    }
}

const BROKEN: &str = "it broke off: a fault of heald's own";

pub(super) fn blind(why: &str) -> Observation {
    let seen = Observation::new(Vec::new(), TargetState::Unreachable { detail: why.to_owned() }, None);
    Observation { alert: AlertSight::Unreadable { detail: why.to_owned() }, ..seen }
}

/// Until it is sure that none is left. After the last try it ends by its time.
async fn unsilence<W: World>(world: Arc<W>, comment: String) {
    let mut waited = Duration::ZERO;
    for wait in UNSILENCE_AT {
        tokio::time::sleep(wait).await;
        waited += wait;
        match world.unsilence(comment.clone()).await {
            Ok(_) if waited > TELL_MAX => return,
            Ok(_) => {}
            Err(reason) => tracing::warn!(%reason, silence = %comment, "a silence of heald's own can't be ended yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::ListedAlert;
    use crate::domain::notice::{Notice, NoticeKind, Post};
    use crate::domain::plan::PlannedProbe;
    use crate::domain::time::Time;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Breaks off every look, and takes a second for every message.
    #[derive(Default)]
    struct Odd {
        telling: AtomicUsize,
        most: AtomicUsize,
    }

    impl World for Odd {
        async fn look(&self, _: LookOrder) -> Observation {
            panic!("a fault in a probe")
        }

        async fn act(&self, _: ActOrder) -> Acted {
            panic!("a fault in an action")
        }

        async fn tell(&self, post: Post) -> Delivery {
            let now = self.telling.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.telling.fetch_sub(1, Ordering::SeqCst);
            Delivery::taken(post.channel)
        }

        async fn alerts(&self) -> Option<Result<Vec<ListedAlert>, String>> {
            None
        }

        fn admit(&self, _: &PlannedStep) -> Result<(), String> {
            Ok(())
        }

        fn admit_probe(&self, _: &PlannedProbe) -> Result<(), String> {
            Ok(())
        }
    }

    fn performer(world: &Arc<Odd>) -> (Performer<Odd>, mpsc::UnboundedReceiver<Answer>) {
        let (sender, answers) = mpsc::unbounded_channel();
        (Performer::new(Arc::clone(world), sender, Telemetry::new("test")), answers)
    }

    fn post(incident: u64) -> Post {
        let house = Notice::of_house(NoticeKind::Escalated, "web-1", "", "", Time(0));
        Post { channel: "ops".to_owned(), notice: Notice { incident: IncidentId(incident), ..house }, thread: None }
    }

    #[tokio::test(start_paused = true)]
    async fn an_effect_that_breaks_off_is_answered_all_the_same() {
        let (mut performer, mut answers) = performer(&Arc::default());
        let how = LookHow::UntilFail { every: Duration::from_secs(1), confirm: Duration::from_secs(1) };
        performer.perform(IncidentId(1), Effect::Look(LookOrder { target: None, probes: Vec::new(), alerts: None, how }));
        let answer = tokio::time::timeout(Duration::from_secs(600), answers.recv()).await.unwrap().unwrap();
        assert!(matches!(&answer.signal, Signal::Looked(seen) if matches!(seen.state, TargetState::Unreachable { .. })));
        assert!(performer.settle(&answer) && !performer.is_busy(IncidentId(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_messages_is_told_a_few_at_a_time() {
        let world = Arc::new(Odd::default());
        let (mut performer, mut answers) = performer(&world);
        for incident in 0..1_000 {
            performer.perform(IncidentId(incident), Effect::Tell(Box::new(post(incident))));
        }
        for _ in 0..1_000 {
            let answer = answers.recv().await.unwrap();
            assert!(matches!(answer.signal, Signal::Told { delivery, .. } if delivery.error.is_none()), "none ran out of time");
        }
        assert!(world.most.load(Ordering::SeqCst) <= 32, "{} at once", world.most.load(Ordering::SeqCst));
    }
}
