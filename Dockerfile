# docker build -t docker-socket-proxy .
# It builds for the machine it runs on, amd64 or arm64; with buildx `--platform linux/arm64` on the other one, emulated.
# The base needs Rust, a C linker and readelf. Alpine's libc, musl, makes the image 0.8 MB smaller than Debian's glibc.
# CI, which can pull no image, gives a base of its own (tests/engine/base-image), with musl for its CARGO_BUILD_TARGET.
ARG RUST_IMAGE=rust:1.95-alpine

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# Not built, but cargo wants to see what Cargo.toml names.
COPY benches benches
# Linked statically, the same way everywhere: no interpreter, no library at run time. The target must be named, or cargo
# would build build scripts with these flags too. The same source and toolchain give the same bytes.
RUN target=${CARGO_BUILD_TARGET:-$(rustc -vV | sed -n 's/^host: //p')} \
    && RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs" \
       cargo build --release --locked --bin docker-socket-proxy --target "$target" \
    && mkdir /out && cp "target/$target/release/docker-socket-proxy" /out/ \
    && ! readelf -l /out/docker-socket-proxy | grep -q INTERP \
    && /out/docker-socket-proxy --version

FROM scratch
LABEL org.opencontainers.image.title="docker-socket-proxy" \
      org.opencontainers.image.description="A minimal filter in front of the Docker socket" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/docker-socket-proxy /docker-socket-proxy
# The program's own defaults are those of Tecnativa's image, but for this: other containers reach it by the network. LISTEN itself
# stays unset, so that the port is not open beside clients that have a name.
ENV LISTEN_DEFAULT=:2375
EXPOSE 2375
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["/docker-socket-proxy", "healthcheck"]
ENTRYPOINT ["/docker-socket-proxy"]
