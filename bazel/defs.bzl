"""The project's build rules: native ones with our warnings, so that a BUILD entry is names and deps."""

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-sign-compare", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]

def grouter_cc_library(name, copts = [], **kwargs):
    native.cc_library(name = name, copts = WARNINGS + copts, **kwargs)

def grouter_cc_binary(name, copts = [], **kwargs):
    native.cc_binary(name = name, copts = WARNINGS + copts, **kwargs)

def grouter_cc_test(name, srcs = None, deps = [], copts = [], **kwargs):
    """A GoogleTest program: NAME.cc unless srcs says otherwise."""
    native.cc_test(
        name = name,
        srcs = srcs or [name + ".cc"],
        copts = WARNINGS + copts,
        deps = deps + ["//third_party/gtest:main"],
        **kwargs
    )

def grouter_proto_library(name, srcs, deps = [], grpc = False, visibility = None):
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
        copts = ["-w", "-O1"],
        includes = ["."],
        visibility = visibility,
        deps = deps + ["//third_party/protobuf"] + (["//third_party/grpc"] if grpc else []),
    )
