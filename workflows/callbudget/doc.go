// Package callbudget is the engine of CallBudgetWorkflow: one running workflow for
// each call budget, which alone hands out its call slots. It remembers when slots
// were handed out, so it knows the vendor's rolling windows exactly, learns from
// refusals, and is steered by people while it runs.
//
// Deciding is apart from doing: pace.go, order.go, offer.go, learn.go, block.go and
// account_block.go are functions of the state and the time; workflow.go runs them.
package callbudget
