// Where the letters of a log's workers lie, and who works on them.
#pragma once

#include "tools/cli/log_place.hpp"

#include <evbus/letters/journal.hpp>

#include <string>
#include <vector>

namespace evlog {

struct letter_place {
    cli::log_place at;
    evbus::bus_id bus; ///< empty when nothing tells

    [[nodiscard]] evbus::log::log_dir log() const { return {at.dir}; }
};

/// Throws evbus::error when there is no such log.
[[nodiscard]] letter_place find_letters(const std::string& dir_or_bus);

/// The workers that have letters, or had some, by name.
[[nodiscard]] std::vector<std::string> workers_of(const evbus::log::log_dir& log);
/// Throws not_found, naming those that have letters, unless `worker` is one of them.
void check_worker(const letter_place& place, const std::string& worker);

enum class to_do : bool { look, change };
/// The journal of `worker`. Who looks takes no lock and repairs nothing. Throws evbus::error.
[[nodiscard]] evbus::letters::journal open_letters(const letter_place& place, const std::string& worker, to_do what);

/// Who works on the letters of `worker` now: "process 4711 (billing)"; empty for nobody.
[[nodiscard]] std::string who_works(const letter_place& place, const std::string& worker);

} // namespace evlog
