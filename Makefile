# Every target does its own set-up, says what it does, and says plainly what is missing.
#
#   make run [EXAMPLE=quickstart]   build, start the example's backends and the proxy, print what to try
#   make cluster                    a Kubernetes cluster without containers, until Ctrl-C
#   make test                       everything that must hold before a change goes in
#   make bench                      CPU per request against nginx, on this machine
#   make scale                      time and memory for 10,000 Ingresses, on this machine
#   make converge [CHANGES=1000]    time until changes are in traffic, and memory, for 10,000 Ingresses in a cluster
#   make soak                       ten minutes of changes and faults in a cluster: what fails, and what grows
#   make reviews                    what a review costs among 10,000 Ingresses in a cluster
#   make setup                      only install what the other targets need

EXAMPLE ?= quickstart
PROFILE ?= dev
ROUNDS ?= 6
CHANGES ?= 1000

.PHONY: run cluster test bench scale converge soak reviews setup

run:
	@loadtest/steps/setup.sh build
	@PROFILE=$(PROFILE) loadtest/steps/run.sh $(EXAMPLE)

cluster:
	@loadtest/steps/cluster.sh up --forward 8080=load-balancer:80 --forward 8443=load-balancer:443

test:
	@loadtest/steps/setup.sh build test cluster
	@loadtest/steps/test.sh

bench:
	@loadtest/steps/setup.sh build bench
	@ROUNDS=$(ROUNDS) loadtest/steps/bench.sh

scale:
	@loadtest/steps/setup.sh build
	@loadtest/steps/scale.sh

converge:
	@loadtest/steps/setup.sh build cluster
	@CHANGES=$(CHANGES) loadtest/steps/measure.sh converge

soak:
	@loadtest/steps/setup.sh build cluster
	@loadtest/steps/measure.sh soak

reviews:
	@loadtest/steps/setup.sh build cluster
	@loadtest/steps/measure.sh reviews

setup:
	@loadtest/steps/setup.sh build test cluster bench
