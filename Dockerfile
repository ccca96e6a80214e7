# The worker and the command line, two static programs, and nothing else in the image.

FROM golang:1.26.8-alpine3.23 AS build
WORKDIR /src
# GOWORK=off: the workspace also names ./dev, which belongs in no image. -s: without debug tables, a third smaller.
ENV CGO_ENABLED=0 GOWORK=off GOFLAGS="-trimpath -ldflags=-s"
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -o /out/callvault-worker ./worker && \
    go build -o /out/callvault-starter ./starter && \
    mkdir -m 1777 /out/tmp

FROM scratch
# The programs speak HTTPS to the upstream and the archive.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# Also /tmp: the rows of a day go through a temporary file.
COPY --from=build /out/ /
USER 65532:65532
# In this form the program itself is process 1 and gets the SIGTERM that asks it to hand over its work.
ENTRYPOINT ["/callvault-worker"]
