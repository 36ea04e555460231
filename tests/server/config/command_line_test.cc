#include "server/config/command_line.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

class CommandLineTest : public ::testing::Test {
 protected:
  absl::StatusOr<ServerCommand> Read(const std::vector<std::string>& arguments,
                                     const std::map<std::string, std::string>& environment = {}) {
    return ReadCommandLine(arguments, environment, FileSystem::Local());
  }
  const std::string root_ = ::testing::TempDir();
};

TEST_F(CommandLineTest, FlagWinsOverEnvironmentOverFileOverDefault) {
  const std::string path = root_ + "/precedence.textproto";
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), path,
                                  "roots: '" + root_ +
                                      "' listen: '127.0.0.1:1' http: '127.0.0.1:1' "
                                      "probe: '127.0.0.1:1'")
                  .ok());
  const auto command =
      Read({"--config", path, "--listen", "127.0.0.1:3"},
           {{"GROUTER_SERVER_LISTEN", "127.0.0.1:2"}, {"GROUTER_SERVER_HTTP", "127.0.0.1:2"}});
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->config.listen(0), "127.0.0.1:3");
  EXPECT_EQ(command->config.http(), "127.0.0.1:2");
  EXPECT_EQ(command->config.probe(), "127.0.0.1:1");
  EXPECT_EQ(command->config.limits().max_jobs(), 256u);
}

TEST_F(CommandLineTest, CertificatesAndTokensComeByFlagEnvironmentAndFile) {
  const std::string path = root_ + "/tls.textproto";
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), path,
                                  "roots: '" + root_ +
                                      "' token_file: '/f/tokens' tls { certificate: '/f/cert' "
                                      "key: '/f/key' client_ca: '/f/ca' }")
                  .ok());
  const auto command = Read({"--config", path, "--tls_cert", "/flag/cert"},
                            {{"GROUTER_SERVER_TLS_CERT", "/e/cert"}, {"GROUTER_SERVER_TLS_KEY", "/e/key"}});
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->config.tls().certificate(), "/flag/cert");
  EXPECT_EQ(command->config.tls().key(), "/e/key");
  EXPECT_EQ(command->config.tls().client_ca(), "/f/ca");
  EXPECT_EQ(command->config.token_file(), "/f/tokens");
}

TEST_F(CommandLineTest, PrintsAndEnds) {
  EXPECT_EQ(Read({"--version"})->print, "grouter_server 1.0.0\n");
  EXPECT_NE(Read({"--print_config", "--root", "/x"})->print.find("roots: \"/x\""), std::string::npos);
  EXPECT_EQ(Read({"--help"})->exit_code, 0);
  EXPECT_NE(Read({"--help"})->print, "");
  EXPECT_EQ(Read({"--no_such_flag"})->exit_code, 2);
}

TEST_F(CommandLineTest, WhatDoesNotHoldTogetherIsRefused) {
  EXPECT_EQ(Read({}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Read({"--config", "/no/such/file"}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace grouter
