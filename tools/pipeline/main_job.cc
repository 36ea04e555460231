#include "tools/pipeline/main_job.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {
namespace {

using Json = nlohmann::ordered_json;

Json Model(const PipelineSettings& settings, const std::string& text) {
  Json model = ParseOrderedJson(text);
  model["vocab_size"] = settings.vocab_size;
  model["max_position_embeddings"] = settings.sequence_length;
  return model;
}

Json Datasets() { return Json::array({{{"prefix", "tokens"}, {"sample_index", "samples.index"}}}); }

Json TeacherConfig(const PipelineSettings& s) {
  return {{"mode", "learned"},
          {"model", Model(s, s.teacher_model_json)},
          {"datasets", Datasets()},
          {"batch",
           {{"samples_per_step", s.teacher_samples_per_step}, {"num_micro_batches", 1}, {"num_chunks", 1}}},
          {"optimizer", ParseOrderedJson(s.teacher_optimizer_json)},
          {"num_steps", s.teacher_steps},
          {"eval_interval", s.teacher_eval_interval},
          {"eval_steps", s.teacher_eval_steps},
          {"checkpoint_interval", s.teacher_eval_interval},
          {"num_threads", 2},
          {"out", "teacher"}};
}

Json RunConfig(const PipelineSettings& s, const std::string& mode, const std::string& out) {
  const auto plans = [](const std::string& job) {
    return Json{{"job", "jobs/" + job + ".json"}, {"plans_ahead", 2}};
  };
  return {{"mode", mode},
          {"model", Model(s, s.model_json)},
          {"datasets", Datasets()},
          {"train", plans("train")},
          {"valid", plans("valid")},
          {"optimizer", ParseOrderedJson(s.optimizer_json)},
          {"num_steps", s.train_steps},
          {"eval_interval", s.eval_interval},
          {"eval_steps", s.eval_steps},
          {"checkpoint_interval", s.checkpoint_interval},
          {"num_resident_experts", mode == "plan" ? s.resident_experts : 0},
          {"out", out}};
}

constexpr char kServerConfig[] =
    "roots: \"serve\"\n"
    "listen: \"127.0.0.1:0\"\n"
    "timing { drain_delay_ms: 0 shutdown_ms: 2000 job_ttl_ms: 3600000 }\n";

absl::Status WriteIfDifferent(FileSystem& files, const std::string& path, const std::string& text) {
  const absl::StatusOr<std::string> there = files.ReadFile(path, 1 << 24);
  if (there.ok() && *there == text) return absl::OkStatus();
  return WriteFileAtomically(files, path, text);
}

class Builder {
 public:
  Builder(const PipelineSettings& settings, const MainJobPaths& paths) : s_(settings), paths_(paths) {}

  // A step that runs `grouter ARGUMENTS --json`.
  Step& Add(const std::string& name, const std::string& title, std::vector<std::string> arguments,
            std::vector<std::string> inputs, std::vector<std::string> outputs) {
    Step step;
    step.name = name;
    step.title = title;
    step.argv = {paths_.grouter};
    step.argv.insert(step.argv.end(), arguments.begin(), arguments.end());
    step.argv.push_back("--json");
    step.inputs = std::move(inputs);
    step.outputs = std::move(outputs);
    steps_.push_back(std::move(step));
    return steps_.back();
  }

  // Asks the running server; the answer lies in results/NAME.json. Asked anew when the run it follows is new.
  void Ask(const std::string& name, const std::string& title, std::vector<std::string> arguments) {
    Step step;
    step.name = name;
    step.title = title;
    step.argv = {paths_.grpcurl, "-plaintext", "-max-time", "20"};
    step.argv.insert(step.argv.end(), arguments.begin(), arguments.end());
    step.inputs = {"runs/table/metrics.jsonl"};
    step.needs_server = true;
    step.deadline = std::chrono::seconds(60);
    steps_.push_back(std::move(step));
  }

  void Corpus() {
    Add("corpus", "collect the text",
        {"corpus", "--from", paths_.text, "--out", "corpus", "--max_bytes_per_domain",
         absl::StrCat(s_.max_bytes_per_domain)},
        {paths_.text}, {"corpus"});
    Add("tokenize", "byte-pair tokens of it",
        {"tokenize", "--corpus", "corpus", "--ranks", paths_.ranks, "--out", "tokens", "--vocab_size",
         absl::StrCat(s_.vocab_size)},
        {"corpus", paths_.ranks}, {"tokens.bin", "tokens.idx", "tokens.json"});
    Add("index", "samples for training and validation",
        {"index", "--tokens", "tokens", "--out", "samples.index", "--sequence_length",
         absl::StrCat(s_.sequence_length)},
        {"tokens.bin", "tokens.idx", "tokens.json"}, {"samples.index"});
  }

  void Router() {
    Add("teacher", "a small mixture of experts with a learned router",
        {"train", "--config", "config/teacher.json", "--out", "teacher", "--ranks", "1", "--threads", "2",
         "--resume", "--trainer", paths_.grouter_trainer},
        {"config/teacher.json", "tokens.bin", "samples.index"}, {"teacher"})
        .resumes = true;
    const std::vector<std::string> samples = {"--tokens", "tokens", "--index", "samples.index"};
    const auto with_samples = [&](std::vector<std::string> arguments) {
      arguments.insert(arguments.end(), samples.begin(), samples.end());
      return arguments;
    };
    const std::string checkpoint = absl::StrCat("teacher/checkpoints/step_", s_.teacher_steps);
    Add("distill", "its first MoE layer into a causal router network",
        with_samples({"distill",
                      "--teacher",
                      checkpoint,
                      "--out",
                      "router/distilled",
                      "--hidden_size",
                      absl::StrCat(s_.router_hidden_size),
                      "--blocks",
                      absl::StrCat(s_.router_blocks),
                      "--heads",
                      absl::StrCat(s_.router_heads),
                      "--mlp_size",
                      absl::StrCat(s_.router_mlp_size),
                      "--train_tokens",
                      absl::StrCat(s_.distill_tokens),
                      "--tokens_per_step",
                      absl::StrCat(s_.distill_tokens_per_step),
                      "--learning_rate",
                      absl::StrCat(s_.distill_learning_rate),
                      "--valid_tokens",
                      absl::StrCat(s_.valid_tokens)}),
        {checkpoint, "tokens.bin", "samples.index"}, {"router/distilled"});
    Add("fold", "to fewer experts",
        with_samples({"fold", "--router", "router/distilled", "--out", "router/folded", "--experts",
                      absl::StrCat(s_.folded_experts), "--tokens_counted", absl::StrCat(s_.fold_tokens)}),
        {"router/distilled", "tokens.bin", "samples.index"}, {"router/folded"});
    Add("tune", "even out its load on the corpus",
        with_samples({"tune", "--router", "router/folded", "--out", "router/tuned", "--train_tokens",
                      absl::StrCat(s_.tune_tokens), "--tokens_per_step",
                      absl::StrCat(s_.tune_tokens_per_step), "--learning_rate",
                      absl::StrCat(s_.tune_learning_rate), "--valid_tokens", absl::StrCat(s_.valid_tokens)}),
        {"router/folded", "tokens.bin", "samples.index"}, {"router/tuned"});
    Add("route", "every token of the corpus: the routing table",
        with_samples({"route", "--router", "router/tuned", "--out", "serve/table"}),
        {"router/tuned", "tokens.bin", "samples.index"}, {"serve/table"});
    Add("verify", "read every byte of the table",
        {"table", "verify", "serve/table", "--index", "samples.index"}, {"serve/table", "samples.index"}, {});
    Add("stats", "load of its experts", {"table", "stats", "serve/table", "--ranks", absl::StrCat(s_.ranks)},
        {"serve/table"}, {});
  }

  void Place(const std::string& split, uint64_t steps, uint64_t traffic_steps, const std::string& suffix) {
    std::vector<std::string> make = {"job",
                                     "make",
                                     "--tables",
                                     "serve/table",
                                     "--model",
                                     "config/model.json",
                                     "--out",
                                     "jobs/" + split + "_draft.json",
                                     "--split",
                                     split,
                                     "--ranks_per_node",
                                     absl::StrCat(s_.ranks),
                                     "--samples_per_step",
                                     absl::StrCat(s_.samples_per_step),
                                     "--micro_batches",
                                     absl::StrCat(s_.micro_batches),
                                     "--chunks",
                                     absl::StrCat(s_.chunks),
                                     "--steps",
                                     absl::StrCat(steps),
                                     "--gate_weights",
                                     s_.gate_weights,
                                     "--resident_experts",
                                     absl::StrCat(s_.resident_experts)};
    Add("job" + suffix, "the " + split + " job: table, model, ranks and batch", std::move(make),
        {"serve/table", "config/model.json"}, {"jobs/" + split + "_draft.json"});
    Add("place" + suffix, "experts and samples of the " + split + " job on ranks",
        {"place", "--job", "jobs/" + split + "_draft.json", "--tables", "serve/table", "--out_schedule",
         "serve/" + split + ".schedule", "--out_job", "jobs/" + split + ".json", "--iterations",
         absl::StrCat(s_.place_iterations), "--traffic_steps", absl::StrCat(traffic_steps)},
        {"jobs/" + split + "_draft.json", "serve/table"},
        {"serve/" + split + ".schedule", "jobs/" + split + ".json"});
  }

  void Train(const std::string& run, const std::string& title) {
    Step& step =
        Add("train_" + run, title,
            {"train", "--config", "config/" + run + ".json", "--out", "runs/" + run, "--ranks",
             absl::StrCat(s_.ranks), "--server", "{server}", "--resume", "--trainer", paths_.grouter_trainer},
            {"config/" + run + ".json", "tokens.bin", "samples.index", "serve/table", "serve/train.schedule",
             "serve/valid.schedule", "jobs/train.json", "jobs/valid.json"},
            {"runs/" + run});
    step.resumes = true;
    step.needs_server = true;
  }

  std::vector<Step> Take() { return std::move(steps_); }

 private:
  const PipelineSettings& s_;
  const MainJobPaths& paths_;
  std::vector<Step> steps_;
};

}  // namespace

absl::StatusOr<MainJob> MakeMainJob(const PipelineSettings& settings, const MainJobPaths& paths,
                                    FileSystem& files) {
  const std::string config = JoinPath(paths.folder, "config");
  for (const char* folder : {"config", "jobs", "router", "runs", "serve"}) {
    GROUTER_RETURN_IF_ERROR(files.MakeFolders(JoinPath(paths.folder, folder)));
  }
  const std::vector<std::pair<std::string, std::string>> configs = {
      {"teacher.json", TeacherConfig(settings).dump(1) + "\n"},
      {"model.json", Model(settings, settings.model_json).dump(1) + "\n"},
      {"table.json", RunConfig(settings, "plan", "runs/table").dump(1) + "\n"},
      {"learned.json", RunConfig(settings, "learned", "runs/learned").dump(1) + "\n"},
      {"server.textproto", kServerConfig}};
  for (const auto& file : configs) {
    GROUTER_RETURN_IF_ERROR(WriteIfDifferent(files, JoinPath(config, file.first), file.second));
  }
  Builder builder(settings, paths);
  builder.Corpus();
  builder.Router();
  builder.Place("train", settings.train_steps, 64, "");
  builder.Place("valid", 0, 0, "_valid");
  builder.Train("table", "the model, routed by the table, plans from the server");
  builder.Ask("server_services", "ask the server what it offers", {"{server}", "list"});
  builder.Ask("server_describe", "ask it for its statistics' form",
              {"{server}", "describe", "grouter.v1.StatsService"});
  builder.Ask("server_tables", "ask it for its tables", {"{server}", "grouter.v1.CatalogService/ListTables"});
  builder.Ask("server_stats", "ask it for its statistics", {"{server}", "grouter.v1.StatsService/GetStats"});
  builder.Train("learned", "the same model and samples with a learned router");
  builder.Add("report", "draw what the runs showed",
              {"report", "--table_run", "runs/table", "--learned_run", "runs/learned", "--results", "results",
               "--subtitle", settings.name, "--out", "report.html"},
              {"runs/table", "runs/learned", "results/place.json", "results/stats.json",
               "results/distill.json", "results/tune.json", "results/route.json", "results/teacher.json"},
              {"report.html"});
  MainJob job;
  job.steps = builder.Take();
  job.server.argv = {paths.grouter_server, "--config", "config/server.textproto"};
  return job;
}

}  // namespace grouter
