// Deleting a log: the files that evbus makes, by their names, and nothing else.
#pragma once

#include <string>
#include <vector>

namespace evctl {

struct log_removal {
    std::size_t files = 0;
    std::vector<std::string> left; ///< what stands in the directory and is not ours to delete
};

/// The caller holds the log's LOCK, whose file goes last. Throws evbus::error at the first file that
/// cannot be deleted.
log_removal remove_log(const std::string& dir);

} // namespace evctl
