# heald in an image made from nothing: the program, the libraries that it loads, CA certificates, time zones, the shipped
# playbooks. No shell; not root. For trying it out with compose/: a heald that repairs this machine in earnest belongs
# outside of what it repairs (docs/compose.md).
#
#   docker build -t heald:local .
#
# Debian 12's own rustc is too old for heald, so the builder is Rust's official image, on Debian 12. With a program that
# was built before, on Debian 12 or older, any Debian with coreutils, tar and ldd is good enough, and nothing is
# downloaded if it is there already:
#
#   docker build -t heald:local --build-arg BUILDER=my-debian:12 --build-arg BINARY=target/release/heald .
ARG BUILDER=rust:1.95-slim-bookworm

FROM ${BUILDER} AS build
ARG BINARY=
WORKDIR /src
COPY . .
RUN test -n "$BINARY" || { \
      apt-get update \
      && apt-get install --yes --no-install-recommends ca-certificates tzdata \
      && cargo build --locked --release --bin heald; \
    }
RUN mkdir /image \
  && dist/rootfs.sh "${BINARY:-target/release/heald}" playbooks=/usr/share/heald/playbooks 65532@/var/lib/heald >/image.tar \
  && tar --numeric-owner -C /image -xf /image.tar

FROM scratch
COPY --from=build /image /
# A number, so that "is not root" can be checked from outside.
USER 65532:65532
VOLUME /var/lib/heald
EXPOSE 9595
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["/usr/bin/heald", "incidents"]
ENTRYPOINT ["/usr/bin/heald"]
CMD ["serve", "--config.file", "/etc/heald/heald.yaml"]
