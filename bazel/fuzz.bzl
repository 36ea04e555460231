"""Fuzz targets for parsers of outside bytes."""

load("//bazel:defs.bzl", "WARNINGS")

def grouter_fuzz_test(name, deps = [], srcs = None, **kwargs):
    """One LLVMFuzzerTestOneInput (NAME.cc) as two programs.

    NAME replays tests/fuzz/seeds/NAME/* (each seed, and each cut short) under GoogleTest: a normal test, in
    every configuration. NAME_libfuzzer is the fuzzer itself; `./check` builds it with --config=asan and runs it.
    """
    srcs = srcs or [name + ".cc"]
    native.cc_test(
        name = name,
        srcs = srcs,
        copts = WARNINGS,
        data = native.glob(["seeds/%s/**" % name]),
        env = {"GROUTER_FUZZ_SEEDS": "%s/seeds/%s" % (native.package_name(), name)},
        deps = deps + ["//tests/fuzz:replay"],
        **kwargs
    )
    native.cc_binary(
        name = name + "_libfuzzer",
        testonly = True,
        srcs = srcs,
        copts = WARNINGS,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["fuzzer", "manual"],
        deps = deps,
    )
