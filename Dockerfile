# Images of Collector and Pinger. Each contains only the program, the libraries that it needs, and CA certificates.
#
#   docker build --target collector --tag collector:0.1.0 .
#   docker build --target pinger --tag pinger:0.1.0 .
#
# They have no shell and no curl: `collector request METHOD URL` is a client for tests and health checks. `make image`
# builds both. Each lists its packages as SPDX in /usr/share/sbom.
FROM debian:trixie-slim AS build
ARG VERSION=0.1.0
WORKDIR /src
COPY tools/deps tools/deps
RUN tools/deps build && apt-get install -y -qq --no-install-recommends ca-certificates >/dev/null
COPY . .
RUN make -j"$(nproc)" programs && strip build/collector build/pinger
# Each program gets its own root, with the loader and the libraries that the loader finds, at the same paths. Without
# nsswitch.conf the C library would query DNS before /etc/hosts.
RUN set -eu; \
    for program in collector pinger; do \
        root=/roots/$program; \
        mkdir -p "$root/usr/bin" "$root/etc/ssl/certs"; \
        cp "build/$program" "$root/usr/bin/"; \
        ldd "build/$program" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' | sort -u \
            | while read -r library; do mkdir -p "$root${library%/*}"; cp -L "$library" "$root$library"; done; \
        cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"; \
        echo 'hosts: files dns' >"$root/etc/nsswitch.conf"; \
        mkdir -p "$root/usr/share/sbom"; \
        tools/sbom "$program" "$VERSION" "$root" >/tmp/sbom; mv /tmp/sbom "$root/usr/share/sbom/$program.spdx.json"; \
        find "$root" -exec touch -h -d @0 {} +; \
    done

FROM scratch AS pinger
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pinger" \
      org.opencontainers.image.description="Reports the environment of a web server, and sends its log to Collector" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /roots/pinger/ /
USER 65532:65532
EXPOSE 3000
ENTRYPOINT ["/usr/bin/pinger"]

FROM scratch AS collector
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="collector" \
      org.opencontainers.image.description="Accepts JSON documents by HTTP POST and stores them in Redis" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /roots/collector/ /
USER 65532:65532
EXPOSE 4001
HEALTHCHECK --interval=10s --timeout=3s CMD ["/usr/bin/collector", "request", "GET", "http://127.0.0.1:4001/healthz"]
ENTRYPOINT ["/usr/bin/collector"]
