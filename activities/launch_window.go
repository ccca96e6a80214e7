package activities

// How many fetches of a bot may wait for their first call slot.
const (
	leastWindow = 20
	mostWindow  = 1000
	// allWindows bounds those of all bots at the beginning.
	allWindows = 2000
	fullWindow = 50
)

func firstWindow(bots int) int { return max(leastWindow, min(fullWindow, allWindows/bots)) }

// nextWindow grows the window if it was nearly used up since the last pass, and shrinks it
// if hardly anything of it was.
func nextWindow(window, waiting int) int {
	switch {
	case waiting < window/4:
		return min(window*2, mostWindow)
	case waiting > window*3/4:
		return max(leastWindow, window-window/4)
	default:
		return window
	}
}
