"""A header that is parsed once for many sources."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

# clang writes the folder it works in, its output's and its source's, into the result, and the build cache carries that to
# other folders. So it works in /, writes to its standard output and includes the header's lines before a source that has
# nothing to say to it.
_CLANG_SOURCE = "/usr/include/stdc-predef.h"
_CLANG_FLAGS = ["-Xclang", "-fno-pch-timestamp", "-fpch-instantiate-templates"]
_CLANG = """
out=$(pwd -P)/$1
mapfile -t includes < <(sed -n 's/^#include [<"]\\(.*\\)[>"]$/-include\\n\\1/p' "$2")
cd / && exec "${@:3}" "${includes[@]}" >"$out"
"""

def _precompiled_header_impl(ctx):
    # Told to include NAME.h, a compiler looks for NAME.h.gch (g++) or NAME.h.pch (clang) first. Where it does not fit (a flag
    # or a macro of the target differs), g++ takes the text and clang reports an error.
    header = ctx.actions.declare_file(ctx.label.name + ".h")
    compiled = ctx.actions.declare_file(ctx.label.name + (".h.pch" if ctx.attr.clang else ".h.gch"))
    ctx.actions.expand_template(template = ctx.file.header, output = header, substitutions = {})

    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.attr.copts + ["-x", "c++-header"]
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        source_file = _CLANG_SOURCE if ctx.attr.clang else header.path,
        output_file = "-" if ctx.attr.clang else compiled.path,
        use_pic = True,
        user_compile_flags = flags + (_CLANG_FLAGS if ctx.attr.clang else []),
    )
    tool = cc_common.get_tool_for_action(feature_configuration = features, action_name = CPP_COMPILE_ACTION_NAME)
    arguments = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
        variables = variables,
    )
    action = dict(
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = CPP_COMPILE_ACTION_NAME,
            variables = variables,
        ),
        inputs = depset([header], transitive = [toolchain.all_files]),
        outputs = [compiled],
        mnemonic = "CppPrecompile",
        progress_message = "Precompiling " + ctx.file.header.short_path,
    )
    if ctx.attr.clang:
        ctx.actions.run_shell(command = _CLANG, arguments = [compiled.path, header.path, tool] + arguments, **action)
    else:
        ctx.actions.run(executable = tool, arguments = arguments, **action)
    context = cc_common.create_compilation_context(headers = depset([header, compiled]))
    return [DefaultInfo(files = depset([header, compiled])), CcInfo(compilation_context = context)]

grouter_precompiled_header = rule(
    doc = """HEADER, which includes headers of this machine alone, compiled with the flags that every source has, and copts.

    A target takes it by a dependency, the same copts and the option -include $(BINDIR)/PACKAGE/NAME.h.""",
    implementation = _precompiled_header_impl,
    attrs = {
        "header": attr.label(allow_single_file = [".h"], mandatory = True),
        "copts": attr.string_list(),
        "clang": attr.bool(doc = "Whether the compiler is clang; g++ otherwise."),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    incompatible_use_toolchain_transition = True,
)
