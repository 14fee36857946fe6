//! A few drills, as `heald drill` runs them, on a machine with everything that they break. `make drills` runs all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::drills::Drills;
use crate::lab::{Context as _, Result};
use crate::scene::Scene;

pub async fn heal_in_time(scene: Arc<Scene>) -> Result<()> {
    let drills = Drills::open(scene.stack(), &scene.bench.program, &victim()?).await?;
    let shown = drills.run(&["systemctl", "--failed", "--no-pager"]).await?;
    scene.say(&shown);
    if std::env::var_os("HEALD_DRILLS_HOLD").is_some() {
        std::future::pending::<()>().await;
    }
    drills.close().await
}

/// Beside the tests, where cargo puts it.
pub fn victim() -> Result<PathBuf> {
    let examples = Path::new(env!("CARGO_BIN_EXE_heald")).with_file_name("examples");
    let program = examples.join("heald-victim");
    std::fs::metadata(&program).context(format!("{}: cargo build --features failpoints --example heald-victim", program.display()))?;
    Ok(program)
}
