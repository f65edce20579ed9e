// A machine that nothing of evbus was on before, for examples whose buses have fixed names.
#pragma once

#include "tests/support/process.hpp"

#include <evbus/ring/create.hpp>

#include <filesystem>
#include <string>
#include <utility>

namespace examples_test {

/// The bus's log goes below a directory of our own, when it does not go to /var/lib; both are gone afterwards.
class clean_machine {
public:
    explicit clean_machine(std::string bus) : bus_(std::move(bus)), home_(std::filesystem::temp_directory_path() / ("evbus-example-" + bus_)) {
        clear();
        std::filesystem::create_directories(home_);
    }
    ~clean_machine() { clear(); }
    clean_machine(const clean_machine&) = delete;

    [[nodiscard]] std::string home() const { return home_.string(); }
    [[nodiscard]] support::process::options environment() const {
        return {.environment = {"XDG_STATE_HOME=" + home() + "/state", "HOME=" + home(), "TZ=UTC"}};
    }
    [[nodiscard]] static std::string program(const std::string& example) { return std::string(EVBUS_BUILD_DIR) + "/docs/examples/example_" + example; }
    [[nodiscard]] support::finished run(const std::string& example) const { return support::process({program(example)}, environment()).wait(); }

private:
    void clear() const {
        evbus::ring::unlink_object(evbus::ring::ring_object(bus_));
        for (const std::string& ctl : evbus::ring::ctl_objects(bus_)) evbus::ring::unlink_object(ctl);
        std::filesystem::remove_all(home_);
        std::filesystem::remove_all("/var/lib/evbus/" + bus_);
    }
    std::string bus_;
    std::filesystem::path home_;
};

} // namespace examples_test
