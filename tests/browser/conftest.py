"""One headless browser for all tests that look at pages; every request it makes is noted."""

from collections.abc import Iterator

import pytest

from tests.browser.pages import Pages, open_pages


@pytest.fixture(scope="session")
def session_pages() -> Iterator[Pages]:
    with open_pages() as pages:
        yield pages


@pytest.fixture
def pages(session_pages) -> Iterator[Pages]:
    """Open pages of the headless browser; they are closed at the end of the test."""
    yield session_pages
    session_pages.close()
