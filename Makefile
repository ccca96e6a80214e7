# `make` lists the targets.
.DEFAULT_GOAL := help
FUZZTIME ?= 20s
gremlins = github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
# The version is pinned in .ci/run.
golangci = $(shell sed -n "s/^golangci=//p" .ci/run)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## run everything on this machine and archive sample recordings
	go run ./dev

up: ## run the servers alone, for your own worker
	go run ./dev up

build: ## build bin/callvault-worker and bin/callvault-starter
	GOWORK=off CGO_ENABLED=0 go build -trimpath -o bin/callvault-worker ./worker
	GOWORK=off CGO_ENABLED=0 go build -trimpath -o bin/callvault-starter ./starter

test: ## run all tests
	go test ./... ./dev/...

race: ## run the main module's tests with the race detector
	go test -race ./...

lint: ## run the linters, which also check the import order
	GOWORK=off go run $(golangci) run ./...
	cd dev && GOWORK=off go run $(golangci) run --config ../.golangci.yml ./...

fuzz: ## run every fuzz target for FUZZTIME (20s)
	@grep -rnE --include='*_test.go' '^func Fuzz' . | \
	  sed -E 's|^(.*)/[^/]*:[0-9]+:func (Fuzz[A-Za-z0-9_]*).*|\1 \2|' | \
	  while read -r package target; do \
	    echo "== $$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" || exit 1; \
	  done

bench: ## run the benchmarks
	go test -run '^$$' -bench . ./...

bench-budget: ## measure the call budget with three workers and a real Temporal server; takes an hour and a half
	go test ./dev/internal/bench -run '^$$' -bench . -skip Transfer -benchtime 1x -timeout 2h

bench-transfer: ## measure what transfers cost, on versitygw and on MINIO=<binary> if it is set; takes 20 minutes and 32 GB of disk
	go test ./dev/internal/bench -run '^$$' -bench Transfer -benchtime 1x -timeout 1h $(if $(MINIO),-minio $(abspath $(MINIO)))

mutation: ## run mutation tests on the packages that decide, download, store and call; takes an hour
	@for package in workflows/fetchrecording internal/media internal/audio internal/archive internal/smartassist internal/status; do \
	  echo "== $$package"; \
	  GOWORK=off go run $(gremlins) unleash --workers 1 --timeout-coefficient 5 --threshold-efficacy 95 --threshold-mcover 90 \
	    -E conformance -E s3test ./$$package || exit 1; \
	done

verifiers: ## change sealed archives at random 10,000 times, each of which both verifiers have to find; needs python3, takes 16 minutes
	go test ./internal/verify -run TestEveryChangeOfAnArchiveIsFound -mutations 10000 -python python3 -v -timeout 3h

soak: ## run sessions with media faults while their workers are killed, and print the calls
	go test ./dev/e2e -run '^$$' -bench Soak -benchtime 300x -timeout 30m

transfers: ## archive 500 sessions with every media fault while workers are killed, in under five minutes
	go test ./dev/e2e -run TestTransfersSurviveFaultsAndKills -transfers 500 -v

stores: ## run the archive's suite on versitygw, MinIO and SeaweedFS and compare docs/stores.md; the first run builds them
	go run ./dev/stores

interop: ## check tokens against the npm packages jsonwebtoken and jose, both ways; needs node and npm
	go run ./dev/interop

pictures: ## take the pictures of the Web UI in docs/pictures; needs chromium
	go run ./dev/pictures

histories: ## save workflow histories for the replay tests, before a release
	go test ./dev/replay -save

check: ## run what CI runs
	bash .ci/run

.PHONY: help demo up build test race lint fuzz bench bench-budget bench-transfer mutation verifiers soak transfers stores interop pictures histories check
