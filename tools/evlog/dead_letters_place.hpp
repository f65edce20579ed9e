// Where the letters of a log's workers lie, and who works on them.
#pragma once

#include "tools/cli/log_place.hpp"

#include <evbus/error.hpp>
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

/// The workers that have letters, or had some, by name; those too whose cursor remembers some that are gone.
[[nodiscard]] std::vector<std::string> workers_of(const evbus::log::log_dir& log);
/// Throws not_found, naming those that have letters, unless `worker` is one of them.
void check_worker(const letter_place& place, const std::string& worker);

enum class to_do : bool { look, change };
/// The journal of `worker`. Who looks takes no lock and repairs nothing. Throws evbus::error: damaged when there is none and
/// the cursor remembers letters, and to who wants to change it also when it ends before those.
[[nodiscard]] evbus::letters::journal open_letters(const letter_place& place, const std::string& worker, to_do what);
/// Up to where the cursor of `worker` remembers letters; no_seq for nothing, or when the cursor cannot be read. Ask before the
/// journal is opened: a worker that runs writes its letters first, and then its cursor.
[[nodiscard]] evbus::seq_t remembered_letters(const letter_place& place, const std::string& worker);
/// What is to be said of a journal that ends at `last`, before what is remembered.
[[nodiscard]] evbus::error letters_are_missing(const letter_place& place, const std::string& worker, evbus::seq_t last, evbus::seq_t remembered);

/// Who works on the letters of `worker` now: "process 4711 (billing)"; empty for nobody.
[[nodiscard]] std::string who_works(const letter_place& place, const std::string& worker);

} // namespace evlog
