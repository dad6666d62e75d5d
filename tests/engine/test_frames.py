"""pandas objects cross as data."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Grade, Idiom, assert_right_and_wrong

pytestmark = pytest.mark.sandbox

FRAMES: dict[str, Idiom] = {
    "a frame": ("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', None], 'c': [1.5, float('nan'), 2]}, index=[10, 20, 30])", "import pandas as pd\nassert list(df.columns) == ['a', 'b', 'c'] and df.loc[20, 'a'] == 2 and df['c'].isna().sum() == 1 and df.shape == (3, 3)\npd.testing.assert_frame_equal(df, df.copy())\nassert df.groupby('b')['a'].sum().to_dict() == {'x': 1, 'y': 2}"),
    "a series and an index": ("import pandas as pd\ns = pd.Series([1, 2], index=pd.Index(['p', 'q'], name='k'), name='v')\ni = s.index", "import pandas as pd\npd.testing.assert_series_equal(s, pd.Series([1, 2], index=pd.Index(['p', 'q'], name='k'), name='v'))\nassert list(i) == ['p', 'q'] and isinstance(i, pd.Index)"),
    "a function of frames": ("def clean(df):\n    out = df.dropna().reset_index(drop=True)\n    out['z'] = out['x'] * 2\n    return out", "import pandas as pd\nout = clean(pd.DataFrame({'x': [1.0, None, 3.0]}))\npd.testing.assert_frame_equal(out, pd.DataFrame({'x': [1.0, 3.0], 'z': [2.0, 6.0]}))"),
    "dates and categories": ("import pandas as pd\ndf = pd.DataFrame({'t': pd.date_range('2024-01-01', periods=3, tz='UTC'), 'n': pd.date_range('2024-01-01', periods=3), 'k': pd.Categorical(['a', 'b', 'a'], ordered=True), 'i': pd.array([1, None, 3], dtype='Int64')})", "import pandas as pd\nwant = pd.DataFrame({'t': pd.date_range('2024-01-01', periods=3, tz='UTC'), 'n': pd.date_range('2024-01-01', periods=3), 'k': pd.Categorical(['a', 'b', 'a'], ordered=True), 'i': pd.array([1, None, 3], dtype='Int64')})\npd.testing.assert_frame_equal(df, want, check_freq=False)"),
    "a multi-index": ("import pandas as pd\ndf = pd.DataFrame({'v': [1, 2, 3]}, index=pd.MultiIndex.from_tuples([('a', 1), ('a', 2), ('b', 1)], names=['g', 'n']))", "import pandas as pd\nassert df.loc[('a', 2), 'v'] == 2 and df.groupby(level='g')['v'].sum().to_dict() == {'a': 3, 'b': 3}"),
    "what is not copied is an object": ("import pandas as pd\ns = pd.Series(pd.period_range('2024-01', periods=3))", "assert len(s) == 3 and str(s.dtype) == 'period[D]'"),
    "scalars": ("import pandas as pd\nt = pd.Timestamp('2024-03-01 12:00')\nd = pd.Timedelta('2h')\nn = pd.NaT", "import pandas as pd\nassert t == pd.Timestamp('2024-03-01 12:00') and d == pd.Timedelta(hours=2) and n is pd.NaT"),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_a_right_solution_passes_and_nothing_else(grade: Grade, name: str) -> None:
    assert_right_and_wrong(grade, FRAMES[name])
