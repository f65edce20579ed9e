// evbus-demo: the main job on real lines, with everything going wrong that may. A recorder on a bus
// with a small ring, a publisher for each source, readers that keep up, that are too slow, that are
// killed, that come late; publishers that are killed and stopped. Every line is compared.
//
// Exit codes: 0 everything as it must be; 1 not; 2 it could not be run.
#include "tools/cli/options.hpp"
#include "tools/cli/terminal.hpp"
#include "tools/demo/children.hpp"
#include "tools/demo/evtail_check.hpp"
#include "tools/demo/report.hpp"
#include "tools/demo/roles.hpp"

#include <evbus/bus.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <thread>

#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

std::string tools_dir() {
    if (const char* given = std::getenv("EVBUS_TOOLS_DIR")) return given;
    return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

class show {
public:
    show(const std::vector<demo::source>& sources, double seconds)
        : sources_(sources), seconds_(seconds), board_(demo::make_board()), bus_name_("demo-" + std::to_string(::getpid())),
          dir_(std::filesystem::temp_directory_path() / ("evbus-" + bus_name_)) {
        std::filesystem::create_directories(dir_);
        recorder_ = demo::child({tools_dir() + "/evrecord", bus_name_, "--log", log_dir(), "--slots", "1024", "--segment-bytes", "16MiB"});
        while (!open_bus()) {
            if (recorder_.has_ended()) throw std::runtime_error("evrecord did not start");
            std::this_thread::sleep_for(10ms);
        }
    }
    ~show() {
        recorder_ = demo::child();
        readers_.clear();
        publishers_.clear();
        demo::child remove({tools_dir() + "/evctl", "remove", bus_name_, "--force"});
        remove.wait();
        std::error_code ignored;
        std::filesystem::remove_all(dir_, ignored);
    }

    int run() {
        start();
        std::size_t at = 0;
        const std::vector<step> plan = steps();
        const auto begin = clock_type::now();
        for (double now = 0; now < seconds_; now = std::chrono::duration<double>(clock_type::now() - begin).count()) {
            std::string what;
            while (at < plan.size() && now >= plan[at].when * seconds_) {
                plan[at].act();
                what = plan[at++].what;
            }
            say(now, what);
            std::this_thread::sleep_for(1s);
        }
        return finish();
    }

private:
    struct step {
        double when; ///< part of the whole time
        std::string what;
        std::function<void()> act;
    };

    [[nodiscard]] std::string log_dir() const { return (dir_ / "log").string(); }
    bool open_bus() {
        try {
            bus_ = evbus::bus::observe(bus_name_);
            return bus_->frontier().state == evbus::ring::recorder_state::recording;
        } catch (const evbus::error& e) {
            if (e.kind() != evbus::errc::not_found) throw;
            return false;
        }
    }
    demo::child reader(demo::reader_role role) {
        return demo::child([this, role] { return demo::read_lines(bus_name_, sources_, role, *board_); });
    }
    void start() {
        std::printf("bus %s: a ring of 1,024 slots, recorded to %s; %.0f seconds\n", bus_name_.c_str(), log_dir().c_str(), seconds_);
        for (const demo::source& s : sources_) std::printf("  %s (%zu lines) on %s\n", s.path.c_str(), s.lines.size(), s.topic.c_str());
        std::fflush(stdout);
        for (const demo::reader_role r : {demo::live, demo::slow, demo::killed}) readers_.push_back(reader(r));
        const double rate = 20'000.0 / static_cast<double>(sources_.size());
        for (std::size_t i = 0; i < sources_.size(); ++i)
            publishers_.push_back(demo::child([this, i, rate] { return demo::publish_lines(bus_name_, sources_, i, rate, *board_); }));
    }
    std::vector<step> steps() {
        std::vector<step> plan{
            {0.25, "a reader was killed (SIGKILL)", [this] { readers_[demo::killed].signal(SIGKILL); readers_[demo::killed].wait(); }},
            {0.45, "the killed reader comes back", [this] { readers_[demo::killed] = reader(demo::killed); }},
        };
        const std::size_t n = publishers_.size();
        if (n > 2) {
            plan.push_back({0.5, "the publisher of " + sources_[n - 2].path + " is stopped (SIGSTOP)", [this, n] { publishers_[n - 2].signal(SIGSTOP); }});
            plan.push_back({0.8, "the stopped publisher goes on (SIGCONT)", [this, n] { publishers_[n - 2].signal(SIGCONT); }});
        }
        if (n > 1)
            plan.insert(plan.begin() + 1, {0.35, "the publisher of " + sources_[n - 1].path + " was killed (SIGKILL)", [this, n] {
                                               publishers_[n - 1].signal(SIGKILL);
                                               killed_publisher_ = n - 1;
                                           }});
        return plan;
    }
    void say(double now, const std::string& what) {
        std::printf("%s\n", demo::progress_line(*board_, *bus_, now, what).c_str());
        std::fflush(stdout);
    }
    int finish() {
        int faults = 0;
        board_->publishers_stop.store(true);
        for (std::size_t i = 0; i < publishers_.size(); ++i)
            if (const int code = publishers_[i].wait(); code != (i == killed_publisher_ ? 128 + SIGKILL : 0)) {
                std::printf("NOT AS IT MUST BE: the publisher of %s ended with %d\n", sources_[i].path.c_str(), code);
                ++faults;
            }
        const evbus::seq_t head = bus_->head();
        if (!bus_->wait_durable(head - 1, 30s)) std::printf("the recorder did not make seq %lu durable in 30 s\n", static_cast<unsigned long>(head - 1));
        board_->head.store(head);
        say(seconds_, "published all; the late reader starts");
        readers_.push_back(reader(demo::late));
        for (demo::child& r : readers_) faults += r.wait() != 0;
        recorder_.signal(SIGTERM);
        faults += recorder_.wait() != 0;
        const std::uint64_t differing = demo::compare_with_evtail(tools_dir() + "/evtail", bus_name_, sources_, *board_);
        std::string table;
        faults += demo::final_table(*board_, sources_, *bus_, differing, table);
        std::printf("%s%s\n", table.c_str(), faults == 0 ? "every line compared with its source: all there, once, in order" : "the demo failed");
        return faults == 0 ? 0 : 1;
    }

    const std::vector<demo::source>& sources_;
    double seconds_;
    demo::board* board_;
    std::string bus_name_;
    std::filesystem::path dir_;
    std::optional<evbus::bus> bus_;
    demo::child recorder_;
    std::vector<demo::child> readers_;
    std::vector<demo::child> publishers_;
    std::size_t killed_publisher_ = demo::max_sources;
};

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> files;
    std::uint64_t seconds = 40;
    cli::command cmd("evbus-demo", "carries real lines over a bus while processes are killed and stopped, and compares every one",
                     "  evbus-demo                     this machine's package and system logs, under a minute\n"
                     "  evbus-demo --seconds 60 a.log  other lines, longer\n");
    cmd.positionals("FILE", files, "text files whose lines are published; six at the most");
    cmd.count("--seconds", seconds, "how long to publish (default 40)", {4, 3600});
    if (const auto code = cmd.parse(argc, argv)) return *code;
    try {
        const std::vector<demo::source> sources = demo::load_sources(files);
        return show(sources, static_cast<double>(seconds)).run();
    } catch (const std::exception& e) {
        cli::say("evbus-demo", e.what());
        return 2;
    }
}
