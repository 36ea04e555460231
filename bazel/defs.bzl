"""The project's build rules: native ones with our warnings, so that a BUILD entry is names and deps."""

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-sign-compare", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]

# What a sanitizer forgives, linked into each program that runs under one.
_SANITIZER_DEPS = select({
    "//bazel:tsan": ["//third_party/sanitizers:options"],
    "//conditions:default": [],
})

# A test's own source is compiled in little time; what it tests is compiled as ever. The fuzzers have no use for tests.
TEST_OPTIMIZATION = select({
    "//bazel:asan": ["-O0", "-fno-sanitize=fuzzer-no-link"],
    "//conditions:default": ["-O1"],
})

def _compile_options(copts, asan_copts = []):
    """What a source of ours is compiled with: warnings, and the headers that most sources include, parsed once.

    A target with copts of its own goes without those: they might not fit.
    """
    precompiled = ["-include", "$(BINDIR)/third_party/precompiled/library.h"]
    if copts:
        precompiled = []
    elif asan_copts:
        precompiled = select({"//bazel:asan": asan_copts, "//conditions:default": precompiled})
    return WARNINGS + copts + precompiled

_PRECOMPILED = ["//third_party/precompiled:library"]

def if_cuda(then, otherwise = []):
    """A value that depends on --config=cuda."""
    return select({
        "//bazel:cuda": then,
        "//conditions:default": otherwise,
    })

def grouter_cc_library(name, copts = [], asan_copts = [], deps = [], **kwargs):
    """asan_copts, for a target without copts, come last under ASan."""
    native.cc_library(
        name = name,
        copts = _compile_options(copts, asan_copts),
        deps = deps + _PRECOMPILED,
        **kwargs
    )

def grouter_cc_binary(name, copts = [], deps = [], **kwargs):
    native.cc_binary(
        name = name,
        copts = _compile_options(copts),
        deps = deps + _PRECOMPILED + _SANITIZER_DEPS,
        **kwargs
    )

def grouter_cc_test(name, srcs = None, deps = [], copts = [], **kwargs):
    """A GoogleTest program: NAME.cc unless srcs says otherwise.

    Tags: "tsan" runs it under TSan too (threads are its subject); "gpu" needs a GPU; "long" waits for ./check --long.
    """
    native.cc_test(
        name = name,
        srcs = srcs or [name + ".cc"],
        copts = WARNINGS + TEST_OPTIMIZATION + copts +
                ([] if copts else ["-include", "$(BINDIR)/third_party/precompiled/test.h"]),
        deps = deps + ["//third_party/gtest:main", "//third_party/precompiled:test"] + _SANITIZER_DEPS,
        **kwargs
    )

def grouter_py_test(name, srcs = None, data = [], **kwargs):
    """A unittest file, NAME.py unless srcs says otherwise (its first file is run), under the Python that set-up made.

    The working folder is the workspace root, which is on sys.path, as is the file's own folder.
    """
    srcs = srcs or [name + ".py"]
    native.sh_test(
        name = name,
        srcs = ["//bazel:py_test.sh"],
        args = ["$(rootpath %s)" % srcs[0]],
        data = srcs + data + ["//bazel:py_test_runner.py"],
        **kwargs
    )

# Compute capabilities of A100, H100/H200 and B200.
_CUDA_ARCHITECTURES = ["80", "90", "100"]

def grouter_cuda_library(name, srcs, hdrs = [], deps = [], nvcc_options = [], visibility = None):
    """CUDA sources, each compiled by nvcc. Built with --config=cuda only; elsewhere it is skipped, as is what needs it.

    srcs are .cu files; hdrs is every header of ours that they include (nvcc sees no deps).
    """
    options = " ".join(nvcc_options)
    gencode = " ".join(["-gencode arch=compute_%s,code=sm_%s" % (a, a) for a in _CUDA_ARCHITECTURES])
    compatible = if_cuda([], ["@platforms//:incompatible"])
    objects = []
    for src in srcs:
        out = src[:-len(".cu")] + ".cu.o"
        objects.append(out)
        native.genrule(
            name = "_" + name + "_" + src[:-len(".cu")] + "_nvcc",
            srcs = [src] + hdrs + ["@cuda//:toolkit"],
            outs = [out],
            # nvcc finds its parts beside the real file behind the link.
            cmd = "$$(readlink -f external/cuda/bin/nvcc) -std=c++17 -O3 -lineinfo -Xcompiler -fPIC,-Wall,-Wextra " +
                  "-I. %s %s -c $(location %s) -o $@" % (gencode, options, src),
            tags = ["no-sandbox"],
            target_compatible_with = compatible,
        )
    native.cc_library(
        name = name,
        srcs = objects,
        hdrs = hdrs,
        target_compatible_with = compatible,
        visibility = visibility,
        deps = deps + ["@cuda//:runtime"],
    )

def grouter_proto_library(name, srcs, deps = [], grpc = False, alwayslink = False, visibility = None):
    """C++ (and gRPC) code for .proto files, made by Debian's protoc.

    deps are other grouter_proto_library targets. Includes are "grouter/v1/x.pb.h".
    """
    outs = []
    for src in srcs:
        base = src[:-len(".proto")]
        outs += [base + ".pb.h", base + ".pb.cc"]
        if grpc:
            outs += [base + ".grpc.pb.h", base + ".grpc.pb.cc"]
    native.filegroup(name = name + "_src", srcs = srcs, visibility = ["//visibility:public"])
    grpc_flags = "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin --grpc_out=$(RULEDIR) " if grpc else ""
    native.genrule(
        name = name + "_gen",
        srcs = srcs + [d + "_src" for d in deps],
        outs = outs,
        cmd = "protoc -I%s --cpp_out=$(RULEDIR) %s%s" % (
            native.package_name(),
            grpc_flags,
            " ".join(["$(location %s)" % s for s in srcs]),
        ),
    )
    native.cc_library(
        name = name,
        srcs = [o for o in outs if o.endswith(".cc")],
        hdrs = [o for o in outs if o.endswith(".h")],
        copts = ["-w"] + select({
            "//bazel:asan": ["-O0"],
            "//conditions:default": ["-O1"],
        }),
        includes = ["."],
        alwayslink = alwayslink,
        visibility = visibility,
        deps = deps + ["//third_party/protobuf"] + (["//third_party/grpc"] if grpc else []),
    )
