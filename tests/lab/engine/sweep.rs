//! What runs leave in an engine: whatever bears the lab's label.

use std::collections::HashMap;

use bollard::{
    models::{ContainerSummary, ImageSummary, Network, Volume},
    query_parameters::{
        ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveImageOptionsBuilder, RemoveVolumeOptions,
    },
};

use super::{super::Result, Engine, LABEL, RUN_LABEL, is_status};

impl Engine {
    /// Containers first: they hold the rest. What is gone meanwhile is fine; a second run may sweep too.
    pub(super) async fn remove_where(&self, unwanted: impl Fn(&str) -> bool) -> Result<()> {
        let filters: HashMap<String, Vec<String>> = [("label".to_owned(), vec![format!("{LABEL}=1")])].into();
        let is_unwanted = |labels: Option<HashMap<String, String>>| {
            let owner = labels.unwrap_or_default().remove(RUN_LABEL).unwrap_or_default();
            unwanted(&owner)
        };
        let list = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        for ContainerSummary { id, labels, .. } in self.docker.list_containers(Some(list)).await? {
            if let Some(id) = id.filter(|_| is_unwanted(labels)) {
                self.remove(&id).await?;
            }
        }
        let list = ListNetworksOptionsBuilder::default().filters(&filters).build();
        for Network { id, labels, .. } in self.docker.list_networks(Some(list)).await? {
            if let Some(id) = id.filter(|_| is_unwanted(labels)) {
                gone(self.docker.remove_network(&id).await)?;
            }
        }
        let list = ListVolumesOptionsBuilder::default().filters(&filters).build();
        for Volume { name, labels, .. } in self.docker.list_volumes(Some(list)).await?.volumes.unwrap_or_default() {
            if is_unwanted(Some(labels)) {
                gone(self.docker.remove_volume(&name, None::<RemoveVolumeOptions>).await)?;
            }
        }
        let list = ListImagesOptionsBuilder::default().filters(&filters).build();
        for ImageSummary { id, labels, .. } in self.docker.list_images(Some(list)).await? {
            if is_unwanted(Some(labels)) {
                let force = RemoveImageOptionsBuilder::default().force(true).build();
                gone(self.docker.remove_image(&id, Some(force), None).await.map(drop))?;
            }
        }
        Ok(())
    }
}

fn gone(removed: Result<(), bollard::errors::Error>) -> Result<()> {
    match removed {
        Err(error) if is_status(&error, &[404]) => Ok(()),
        removed => Ok(removed?),
    }
}
