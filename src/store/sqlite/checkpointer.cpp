#include "store/sqlite/checkpointer.hpp"

#include <utility>

#include "store/limits.hpp"

namespace pixell::store {

Checkpointer::Checkpointer(std::unique_ptr<Database> database,
                           std::function<void(const Error*)> report)
    : database_(std::move(database)), report_(std::move(report)) {
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

Checkpointer::~Checkpointer() = default;

void Checkpointer::wake() {
  {
    std::lock_guard lock(mutex_);
    is_wanted_ = true;
  }
  wake_.notify_one();
}

void Checkpointer::run(std::stop_token stop) {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [&] { return is_wanted_; })) return;
      is_wanted_ = false;
    }
    auto done = database_->checkpoint(false);
    // Writers that never pause keep the log from starting anew: then they have to wait once. The
    // little that came since the first copy is all that is copied meanwhile.
    if (done && done->log_pages > kMaxLogPages) done = database_->checkpoint(true);
    report_(done ? nullptr : &done.error());
  }
}

}  // namespace pixell::store
