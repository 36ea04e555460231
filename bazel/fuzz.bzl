"""Fuzz targets for parsers of outside bytes."""

load("//bazel:defs.bzl", "grouter_cc_library")

def grouter_fuzz_test(name, deps = [], **kwargs):
    """One LLVMFuzzerTestOneInput (NAME.cc), compiled once, as two programs.

    NAME replays tests/fuzz/seeds/NAME/* (each seed, and each cut short) under GoogleTest: a normal test, in
    every configuration. NAME_libfuzzer is the fuzzer itself; `./check` builds it with --config=asan and runs it.
    """
    target = name + "_target"
    grouter_cc_library(
        name = target,
        testonly = True,
        srcs = [name + ".cc"],
        linkstatic = True,
        alwayslink = True,
        deps = deps,
    )
    native.cc_test(
        name = name,
        data = native.glob(["seeds/%s/**" % name]),
        env = {"GROUTER_FUZZ_SEEDS": "%s/seeds/%s" % (native.package_name(), name)},
        deps = [target, "//tests/fuzz:replay"],
        **kwargs
    )
    native.cc_binary(
        name = name + "_libfuzzer",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["fuzzer", "manual"],
        deps = [target],
    )
