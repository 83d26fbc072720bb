# docker build -t docker-socket-proxy .       (with BuildKit: on Docker before 23, DOCKER_BUILDKIT=1)
# It builds for the machine it runs on; with buildx for all of packaging/platforms, such as --platform linux/arm64,linux/arm/v7.
# Whatever the image is for, the compiler runs on the builder's own architecture, and nothing is emulated.
# The base needs Rust, a C linker and readelf. CI, which can pull no image, gives one of its own (tests/engine/base-image).
ARG RUST_IMAGE=rust:1.95-alpine

FROM --platform=$BUILDPLATFORM ${RUST_IMAGE} AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# Not built, but cargo wants to see what Cargo.toml names.
COPY benches benches
# Once for all platforms.
RUN cargo fetch --locked
COPY packaging/build packaging/platforms packaging/
ARG TARGETPLATFORM
RUN packaging/build "$TARGETPLATFORM" /out

FROM scratch
# A release says which commit it is and where it is had from (.github/workflows/release.yml).
ARG VERSION=0.1.0 REVISION=unknown SOURCE=https://github.com/OWNER/docker-socket-proxy
LABEL org.opencontainers.image.title="docker-socket-proxy" \
      org.opencontainers.image.description="A minimal filter in front of the Docker socket" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.url="$SOURCE" \
      org.opencontainers.image.documentation="$SOURCE/blob/v$VERSION/README.md" \
      docker-socket-proxy.sbom="$SOURCE/releases/download/v$VERSION/docker-socket-proxy.cdx.json"
COPY LICENSE THIRD-PARTY-NOTICES.txt /licenses/
COPY --from=build /out/docker-socket-proxy /docker-socket-proxy
# The program's own defaults are those of Tecnativa's image, but for this: other containers reach it by the network. LISTEN itself
# stays unset, so that the port is not open beside clients that have a name.
ENV LISTEN_DEFAULT=:2375
EXPOSE 2375
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["/docker-socket-proxy", "healthcheck"]
ENTRYPOINT ["/docker-socket-proxy"]
