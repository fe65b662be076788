#pragma once

namespace pixell::par {

class ObservedExchange;

/// The exchanges that run, so that a drain can end them in order. A list through the exchanges
/// themselves: joining and leaving cost a few stores.
class OpenExchanges {
 public:
  OpenExchanges() = default;
  OpenExchanges(const OpenExchanges&) = delete;
  OpenExchanges& operator=(const OpenExchanges&) = delete;

  /// From now on an answer that its upstream breaks off is ended in order where its protocol has a
  /// way: the agent was told to stop.
  void expect_ends() { are_ends_expected_ = true; }
  bool are_ends_expected() const { return are_ends_expected_; }

  /// Ends every exchange that can be ended in order, see ObservedExchange::end_in_order().
  void end_all();

 private:
  friend class ObservedExchange;
  ObservedExchange* first_ = nullptr;
  bool are_ends_expected_ = false;
};

}  // namespace pixell::par
