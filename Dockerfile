# The image of NetKestrel: the program, the C library it was linked with and the time zones. No shell, no packages.
#
#   docker build -t netkestrel .
#   docker buildx build --platform linux/amd64,linux/arm64 .    # the other architecture is built under emulation
#
# It needs BuildKit, the default since Docker 23: the older builder loses the program's capability on COPY.
# There is no `syntax` line, so that a build asks no registry for more than the builder.

# Any Debian with Rust and a C compiler.
ARG BUILDER=docker.io/library/rust:1.95.0-slim-bookworm
# What the program lies on. It brings its libraries along and needs nothing of it.
ARG RUNTIME=scratch

FROM ${BUILDER} AS build
WORKDIR /build
RUN { command -v setcap && test -d /usr/share/zoneinfo; } > /dev/null \
    || { apt-get update && apt-get install -y --no-install-recommends libcap2-bin tzdata && rm -rf /var/lib/apt/lists/*; }

# What is the same in every build, before anything that changes. User and group are fixed, as owners of volumes are.
RUN mkdir -p /image/etc /image/usr/bin /image/usr/share /image/host /image/var/lib \
    && install -d -m 1777 /image/tmp \
    && install -d -m 0700 -o 10980 -g 10980 /image/var/lib/netkestrel \
    && echo 'netkestrel:x:10980:10980:NetKestrel:/var/lib/netkestrel:/sbin/nologin' > /image/etc/passwd \
    && echo 'netkestrel:x:10980:' > /image/etc/group \
    && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
    && tar -C /usr/share -c --exclude=zoneinfo/posix --exclude=zoneinfo/right zoneinfo | tar -C /image/usr/share -x \
    # Times are told in the zone of the host where that is mounted, else in that of TZ, else in UTC.
    && ln -s /host/etc/localtime /image/etc/localtime

# Crates and what was made of them stay in caches of the builder: after a change of the sources only this package is
# compiled, and after a change of Cargo.lock only what changed there. `touch`, as sources may be older than the cache.
COPY Cargo.toml Cargo.lock build.rs ./
COPY src src
ARG TARGETARCH
ARG REVISION=unknown
# `thin` with more units builds in half the time a program that takes a little more memory.
ARG LTO=fat
ARG CODEGEN_UNITS=1
RUN --mount=type=cache,id=netkestrel-crates,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=netkestrel-target,target=/build/target,sharing=locked \
    export CARGO_HOME=/usr/local/cargo CARGO_TARGET_DIR=/build/target/${TARGETARCH:-native} NETKESTREL_REVISION="$REVISION" \
        CARGO_PROFILE_RELEASE_LTO="$LTO" CARGO_PROFILE_RELEASE_CODEGEN_UNITS="$CODEGEN_UNITS" \
    && touch build.rs src/lib.rs src/main.rs \
    && cargo build --locked --release --bin netkestrel \
    && install -m 0755 "$CARGO_TARGET_DIR/release/netkestrel" /image/usr/bin/netkestrel
# Permitted, not effective: the program raises it itself, and starts as well where the container may not have it.
RUN ldd /image/usr/bin/netkestrel | grep -o '/[^ ]*' | xargs cp -L --parents -t /image \
    && setcap cap_net_raw+p /image/usr/bin/netkestrel

FROM ${RUNTIME}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="NetKestrel" \
    org.opencontainers.image.description="Network monitor: interfaces, host and devices as a Prometheus exporter with JSON history and mail alerts" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image/ /
ENV NETKESTREL_DATA_DIR=/var/lib/netkestrel
USER 10980:10980
VOLUME /var/lib/netkestrel
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/bin/netkestrel", "healthcheck"]
ENTRYPOINT ["/usr/bin/netkestrel"]
CMD ["run"]
