pub mod handle;
pub mod view;
pub mod world;
