"""A pretend ScreenshotMAX Task API whose tasks really run: for the demo, for `simulate` and for tests."""
