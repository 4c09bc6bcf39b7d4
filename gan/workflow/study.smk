# A study: data -> trainings -> measurements -> report, for every face model (source) and seed.
#
# `gan reproduce` and `gan ablate` write the configuration, study.json, and run this. By hand, or on
# a cluster with a profile of one's own: snakemake -s study.smk --configfile study.json --cores 4
#
# Every rule is one of our commands. All of them go on where they were cut off, so that a job that
# is killed and started again loses minutes; their marks and logs are jobs/NAME.done, jobs/NAME.log.

import re
import shlex

GAN = config["gan"]
MODELS, SEEDS, SOURCES = config["models"], config["seeds"], config["sources"]
DEVICE = config.get("device", "auto")
GPU = 1 if DEVICE.startswith("cuda") else 0
TRAINED = [name for name, model in MODELS.items() if model["verb"] == "train"]
BASELINES = [name for name in MODELS if name not in TRAINED]
COMPARED = [name for name, model in MODELS.items() if model["data"] == "benchmark"]
SPEAKING = [name for name, model in MODELS.items() if model["data"] == "speaking"]
# Which models' reports hold, by source: all, unless some are left out (see `gan reproduce --only`).
EVERY = [[model, seed] for model in COMPARED for seed in SEEDS]
ORACLES = config.get("oracles", [source for source in SOURCES if not SOURCES[source]["benchmark"]])
MEMBERS = {source: config.get("members", {}).get(source, EVERY) for source in SOURCES}
LOGGED = '> {log} 2>&1 || {{ code=$?; echo "exit code $code" >> {log}; exit $code; }}'


def one_of(names):
    """A pattern for any of these names, which may be empty; of none, for nothing at all."""
    return f"({'|'.join(map(re.escape, names))})" if names else "(?!)"


wildcard_constraints:
    source=one_of(SOURCES),
    seed=one_of(SEEDS),
    model=one_of(MODELS),


localrules: all


def data_of(source, which="benchmark"):
    return SOURCES[source].get(which) or f"{source}data/{dict(benchmark='open-faces').get(which, which)}.h5"


def face_model(wildcards):
    """The face model that data is made from; data does not age with the date of that file."""
    file = SOURCES[wildcards.source]["model"]
    return ancient(file) if file else []


def model_option(wildcards):
    file = SOURCES[wildcards.source]["model"]
    return f"--model {shlex.quote(file)}" if file else ""


def minutes(expected):
    """The time to ask a cluster for: budgets are estimates, and a queue has no patience."""
    return int(60 + 4 * expected)


def marks(names):
    return expand("{source}jobs/{name}.done", source=SOURCES, name=names)


rule all:
    input:
        expand("{source}comparison/report.html", source=SOURCES),


rule data:
    input: face_model
    output:
        "{source}data/open-faces.h5",
        expand("{{source}}data/open-faces.{side}.h5", side=["extreme", "judges", "transfer"]),
    log: "{source}jobs/data.log"
    params:
        model=model_option,
        options=lambda w: SOURCES[w.source]["options"],
    threads: config["threads"]
    resources: mem_mb=8000, runtime=minutes(config["minutes"]["data"])
    shell: "{GAN} data make --benchmark open-faces {params.options} {params.model} --jobs {threads} -o {output[0]} " + LOGGED


rule oracle:
    # Between which errors a transfer can lie on this data; the report puts them beside the models.
    input: "{source}data/open-faces.h5"
    output: "{source}data/open-faces.oracle.json"
    log: "{source}jobs/oracle.log"
    params: model=model_option
    threads: config["threads"]
    resources: mem_mb=8000, runtime=minutes(config["minutes"]["oracle"])
    shell: "{GAN} data oracle {input} {params.model} " + LOGGED


rule speaking_data:
    input: face_model
    output: "{source}data/speaking.h5"
    log: "{source}jobs/speaking-data.log"
    params:
        model=model_option,
        options=config["speaking"],
    threads: config["threads"]
    resources: mem_mb=8000, runtime=minutes(config["minutes"]["speaking"])
    shell: "{GAN} data make --visemes {params.options} {params.model} --jobs {threads} -o {output} " + LOGGED


rule train:
    input: lambda w: data_of(w.source, MODELS[w.model]["data"])
    output: touch("{source}jobs/{model}{seed}.done")
    log: "{source}jobs/{model}{seed}.log"
    wildcard_constraints: model=one_of(TRAINED)
    params:
        options=lambda w: MODELS[w.model]["options"],
        seed=lambda w: SEEDS[w.seed],
    threads: config["threads"]
    resources: mem_mb=16000, gpu=GPU, runtime=lambda w: minutes(MODELS[w.model]["minutes"])
    shell:
        "{GAN} train {input} {params.options} --set training.seed={params.seed} --set training.threads={threads}"
        " --device {DEVICE} --resume --out {wildcards.source}runs/{wildcards.model}{wildcards.seed} " + LOGGED


rule baseline:
    input: lambda w: data_of(w.source, MODELS[w.model]["data"])
    output: touch("{source}jobs/{model}{seed}.done")
    log: "{source}jobs/{model}{seed}.log"
    wildcard_constraints: model=one_of(BASELINES)
    params:
        verb=lambda w: MODELS[w.model]["verb"],
        options=lambda w: MODELS[w.model]["options"],
        seed=lambda w: SEEDS[w.seed],
    threads: config["threads"]
    resources: mem_mb=16000, gpu=GPU, runtime=lambda w: minutes(MODELS[w.model]["minutes"])
    shell:
        "{GAN} {params.verb} {input} {params.options} --seed {params.seed} --set threads={threads}"
        " --device {DEVICE} --resume --out {wildcards.source}runs/{wildcards.model}{wildcards.seed} " + LOGGED


rule judges:
    # Once for all models, which would otherwise train the same ones side by side.
    input: lambda w: data_of(w.source)
    output: touch("{source}jobs/judges.done")
    log: "{source}jobs/judges.log"
    params: options=config["judges"]
    threads: config["threads"]
    resources: mem_mb=16000, gpu=GPU, runtime=minutes(config["minutes"]["judges"])
    shell: "{GAN} judge {input} {params.options} --device {DEVICE} " + LOGGED


rule evaluate:
    input:
        data=lambda w: data_of(w.source),
        trained="{source}jobs/{model}{seed}.done",
        judges=["{source}jobs/judges.done"] if config["judges"] else [],
    output: touch("{source}jobs/evaluate-{model}{seed}.done")
    log: "{source}jobs/evaluate-{model}{seed}.log"
    params:
        options=config["evaluation"],
        version=config["version"],  # another version may measure otherwise
    threads: config["threads"]
    resources: mem_mb=16000, gpu=GPU, runtime=minutes(config["minutes"]["evaluation"])
    shell: "{GAN} evaluate {wildcards.source}runs/{wildcards.model}{wildcards.seed} {input.data} {params.options} --device {DEVICE} " + LOGGED


rule report:
    input:
        data=lambda w: data_of(w.source),
        measured=lambda w: [f"{w.source}jobs/evaluate-{model}{seed}.done" for model, seed in MEMBERS[w.source]],
        three=lambda w: [f"{w.source}jobs/{name}.done" for name in config.get("three", SPEAKING)],
        oracle=lambda w: [f"{w.source}data/open-faces.oracle.json"] if w.source in ORACLES else [],
    output: "{source}comparison/report.html"
    log: "{source}jobs/report.log"
    params:
        runs=lambda w: " ".join(f"{model}={w.source}runs/{model}{seed}" for model, seed in MEMBERS[w.source]),
        three=lambda w: " ".join(f"--three-factors {w.source}runs/{name}" for name in config.get("three", SPEAKING)),
        notes=lambda w: " ".join(f"--note {shlex.quote(note)}" for note in config.get("notes", {}).get(w.source, [])),
        options=config["evaluation"],
        figures="" if config["figures"] else "--no-figures",
        version=config["version"],
    threads: config["threads"]
    resources: mem_mb=16000, gpu=GPU, runtime=minutes(config["minutes"]["report"])
    shell:
        "{GAN} compare {params.runs} {input.data} {params.options} --device {DEVICE} {params.three} {params.notes} {params.figures}"
        " -o {wildcards.source}comparison " + LOGGED
