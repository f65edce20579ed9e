// For tests of evctl doctor: a scratch bus, and what the doctor says about it.
#pragma once

#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"

#include <evbus/bus.hpp>
#include <evbus/publisher.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

namespace doctor_test {

using nlohmann::json;
using support::finished;
using support::process;
using support::run;
using support::scratch_bus;
using support::words;
namespace fs = std::filesystem;
namespace ring = evbus::ring;

using support::has;

/// One run of evctl doctor --json.
struct diagnosis {
    finished ended;
    json whole;

    explicit diagnosis(finished f) : ended(std::move(f)) {
        INFO(ended.err);
        REQUIRE(!ended.out.empty());
        whole = json::parse(ended.out);
        CHECK(ended.code == (whole["problems"] == 0 ? 0 : 4)); // whatever else this machine suffers from
    }
    /// The finding of this name; null when there is none.
    [[nodiscard]] json of(const std::string& check) const {
        for (const json& f : whole["findings"])
            if (f["check"] == check) return f;
        return {};
    }
    [[nodiscard]] std::string text(const std::string& check, const char* field = "found") const {
        const json f = of(check);
        return f.is_null() ? "no finding " + check + " in " + whole.dump() : f[field].get<std::string>();
    }
    [[nodiscard]] std::string severity(const std::string& check) const { return text(check, "severity"); }
    [[nodiscard]] bool fixed(const std::string& check) const { return of(check).contains("fixed"); }
};

struct fixture : scratch_bus {
    /// A bus of 64 slots of 128 bytes.
    void create(words more = {"--no-log"}) const {
        words w{support::tool("evctl"), "create", name(), "--slots", "64", "--slot-bytes", "128"};
        w.insert(w.end(), more.begin(), more.end());
        const finished f = run(w);
        REQUIRE_MESSAGE(f.code == 0, f.err);
    }
    void create_with_log() const { create({"--log", log()}); }
    [[nodiscard]] words command(words more = {}) const {
        words w{support::tool("evctl"), "doctor", name(), "--json"};
        w.insert(w.end(), more.begin(), more.end());
        return w;
    }
    [[nodiscard]] diagnosis doctor(words more = {}) const { return diagnosis(run(command(std::move(more)))); }
    [[nodiscard]] evbus::bus bus() const { return evbus::bus::open(name()); }
    [[nodiscard]] std::string ctl_path() const {
        return "/dev/shm/" + bus().attach(ring::access::read_only)->ctl_name();
    }
    void publish(int events) const {
        evbus::publisher pub(bus());
        const evbus::topic t("t");
        for (int i = 0; i < events; ++i) REQUIRE(pub.publish(t, std::string_view("x")));
    }
};

/// Runs `script` with mounts of its own; nothing when this machine does not let us.
inline std::optional<finished> in_own_mounts(const std::string& script) {
    finished f = run({"unshare", "-m", "sh", "-c", script});
    if (f.code != 77 && !has(f.err, "unshare:")) return f;
    MESSAGE("no mount namespace to be had: not tested");
    return std::nullopt;
}

inline words as_nobody(words command) {
    words w{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"};
    w.insert(w.end(), command.begin(), command.end());
    return w;
}
inline bool can_be_nobody() {
    if (::geteuid() == 0 && run(as_nobody({"true"})).code == 0) return true;
    MESSAGE("not root, or no setpriv: not tested");
    return false;
}

} // namespace doctor_test
