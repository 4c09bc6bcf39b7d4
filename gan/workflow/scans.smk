# Many scans to one data set: register each -> import in shards -> merge the shards.
#
# `gan data register` writes the configuration, scans.json, and the manifests shards/K.csv, and runs
# this. A scan that cannot be registered says why in jobs/SCAN.log, and the data set lacks it.

import shlex

SCANS, SHARDS = config["scans"], config["shards"]
LOGGED = '> {log} 2>&1 || {{ code=$?; echo "exit code $code" >> {log}; exit $code; }}'
# Wrong meshes are exit code 1: the others go on. Anything else (no memory, a signal) is a failure.
TOLERANT = '> {log} 2>&1 || {{ code=$?; echo "exit code $code" >> {log}; [ $code -eq 1 ]; }}'


localrules: all


rule all:
    input: config["output"]


rule register:
    input: lambda w: ancient(SCANS[w.scan]["path"])
    output: touch("jobs/{scan}.done")
    log: "jobs/{scan}.log"
    params:
        landmarks=lambda w: f"--landmarks {shlex.quote(marks)}" if (marks := SCANS[w.scan]["landmarks"]) else "",
        template=shlex.quote(config["template"] or ""),
        options=config["register"],
    group: "register"  # --group-components register=200: so many are one job of a cluster
    resources: mem_mb=4000, runtime=10
    shell: "{config[meshkit]} register {params.template} {input:q} {params.landmarks} {params.options} -o registered/{wildcards.scan}.ply " + TOLERANT


rule import_shard:
    input: lambda w: [f"jobs/{scan}.done" for scan in SHARDS[w.shard]] if config["template"] else []
    output: "shards/{shard}.h5"
    log: "jobs/shard-{shard}.log"
    params:
        folder=shlex.quote(config["folder"]),
        options=config["import"],
    threads: config["threads"]
    resources: mem_mb=16000, runtime=240
    shell: "{config[gan]} data import {params.folder} --manifest shards/{wildcards.shard}.csv {params.options} --jobs {threads} -o {output} " + LOGGED


rule merge:
    input: [f"shards/{shard}.h5" for shard in SHARDS]
    output: config["output"]
    log: "jobs/merge.log"
    resources: mem_mb=16000, runtime=240
    shell: "{config[gan]} data merge {input} --same-subjects --align -o {output:q} " + LOGGED
